import * as v from 'valibot'
import { VfioError } from '../../base/errors.ts'
import { schemaFault } from '../../base/schema-fault.ts'
import { pciAddressOrNull, printable } from '../../base/units.ts'
import { isTree } from '../base/disk.ts'
import { pageSizes, smallestPage } from '../base/page-size.ts'
import { matrixParent } from './parents.ts'
import type { Scenario } from './scenario.ts'
import { vfAddresses } from './vf-addresses.ts'

const name = v.pipe(v.string(), v.regex(/^[\w][\w.:+ -]{0,99}$/, 'a name of letters, digits and . : + - _'))
const id = (digits: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^0x[0-9a-f]{${digits}}$`), `0x and ${digits} digits`))
const address = v.pipe(
  v.string(),
  v.check((text) => pciAddressOrNull(text) === text, 'a PCI address in its long form'),
)
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const positive = v.pipe(v.number(), v.safeInteger(), v.minValue(1))
const word = v.pipe(count, v.maxValue(0xffff))

const pixels = v.pipe(positive, v.maxValue(8192))

const ids = {
  vendor: word,
  device: word,
  subsystemVendor: word,
  subsystemDevice: word,
  class: v.pipe(count, v.maxValue(0xff_ffff)),
  revision: v.pipe(count, v.maxValue(0xff)),
}

const model = v.variant('kind', [
  v.strictObject({ kind: v.literal('mtty'), ports: v.picklist([1, 2]) }),
  v.strictObject({ kind: v.picklist(['vfio-ap', 'vfio-ccw']) }),
  v.strictObject({ kind: v.literal('mdpy'), width: pixels, height: pixels }),
  v.strictObject({
    kind: v.literal('mbochs'),
    megabytes: v.picklist([1, 2, 4, 8, 16, 32, 64, 128, 256]),
    maxWidth: v.pipe(count, v.maxValue(0xffff)),
    maxHeight: v.pipe(count, v.maxValue(0xffff)),
  }),
  v.strictObject({
    kind: v.literal('vgpu'),
    ...ids,
    framebufferMiB: v.pipe(positive, v.maxValue(2 ** 20)),
  }),
  v.strictObject({
    kind: v.literal('plain'),
    ...ids,
    barSize: v.pipe(
      positive,
      v.minValue(smallestPage),
      v.maxValue(2 ** 30),
      v.check((size) => Number.isInteger(Math.log2(size)), 'a power of two'),
    ),
  }),
])

const powerOfTwo = v.pipe(
  positive,
  v.minValue(16),
  v.maxValue(2 ** 30),
  v.check((size) => Number.isInteger(Math.log2(size)), 'a power of two'),
)

const pciFunction = v.strictObject({
  kind: v.picklist(['edu', 'nvme', 'pci-testdev', 'memory']),
  serial: v.exactOptional(v.pipe(v.string(), v.regex(/^[ -~]{1,20}$/, 'up to 20 characters of ASCII'))),
  configSize: v.picklist([256, 4096]),
  config: v.record(
    v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,3}$/, 'an offset such as 0x40')),
    v.pipe(v.string(), v.regex(/^([0-9a-f]{2})+$/, 'bytes in hex')),
  ),
  bars: v.record(v.pipe(v.string(), v.regex(/^[0-5]$/, 'the index of a BAR')), powerOfTwo),
  rom: v.union([v.literal(0), powerOfTwo]),
  reset: v.boolean(),
})

const sriov = v.strictObject({
  totalVfs: v.pipe(positive, v.maxValue(256)),
  offset: v.pipe(positive, v.maxValue(256)),
  stride: v.pipe(positive, v.maxValue(256)),
  vfDevice: id(4),
  vfDriver: v.nullable(name),
  vfFunction: v.exactOptional(pciFunction),
  driverConfigures: v.boolean(),
  makesAll: v.exactOptional(v.boolean()),
  enabled: v.exactOptional(v.pipe(count, v.maxValue(256))),
})

const uses = v.pipe(
  v.record(name, positive),
  v.check((resources) => Object.keys(resources).length > 0, 'at least one resource'),
)

const vgpus = v.strictObject({
  driverModel: v.picklist(['proprietary', 'open']),
  capacity: v.record(name, count),
  oneTypeAtATime: v.boolean(),
  types: v.pipe(
    v.array(
      v.strictObject({
        id: v.pipe(positive, v.maxValue(0xffff_ffff)),
        name: v.pipe(v.string(), v.regex(/^[ -~]{1,100}$/, 'one line of ASCII')),
        uses,
        model,
      }),
    ),
    v.check((types) => new Set(types.map((type) => type.id)).size === types.length, 'types with different ids'),
  ),
})

const mask = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,64}$/, '0x and up to 64 hex digits'))
const upTo255 = v.pipe(count, v.maxValue(255))

const ap = v.strictObject({
  maxAdapter: upTo255,
  maxDomain: upTo255,
  adapters: v.array(v.strictObject({ id: upTo255, type: name })),
  domains: v.array(upTo255),
  apmask: mask,
  aqmask: mask,
})

const busId = v.pipe(v.string(), v.regex(/^[0-9a-f]\.[0-3]\.[0-9a-f]{4}$/, 'a bus id such as 0.0.0313'))
const oneLine = v.pipe(v.string(), v.regex(/^[ -~]{1,100}$/, 'one line of ASCII'))

const subchannel = v.strictObject({
  id: busId,
  device: busId,
  deviceType: oneLine,
  controlUnit: oneLine,
  chpids: oneLine,
  pimpampom: oneLine,
  driver: v.nullable(v.picklist(['io_subchannel', 'vfio_ccw'])),
})

const pciDevice = v.strictObject({
  address,
  behind: v.exactOptional(v.array(address)),
  vendor: id(4),
  device: id(4),
  subsystemVendor: id(4),
  subsystemDevice: id(4),
  class: id(6),
  revision: id(2),
  driver: v.nullable(name),
  iommuGroup: v.nullable(count),
  groupedWhenProbed: v.exactOptional(v.boolean()),
  numaNode: v.pipe(v.number(), v.safeInteger(), v.minValue(-1)),
  function: v.exactOptional(pciFunction),
  sriov: v.exactOptional(sriov),
  vgpus: v.exactOptional(vgpus),
})

const attribute = v.strictObject({
  path: v.pipe(v.string(), v.regex(/^[\w][\w.-]*(\/[\w][\w.-]*)?$/, 'one name, or two with / between')),
  value: v.string(),
  access: v.picklist(['r', 'rw']),
  dropsLastByte: v.exactOptional(v.boolean()),
})

const mdevType = v.strictObject({
  id: name,
  name: v.string(),
  description: v.nullable(v.string()),
  uses,
  model,
  attributes: v.exactOptional(v.array(attribute)),
})

const parent = v.strictObject({
  name,
  card: v.exactOptional(address),
  virtualClass: v.exactOptional(name),
  driver: name,
  module: name,
  deviceApi: name,
  capacity: v.record(name, count),
  oneTypeAtATime: v.boolean(),
  whenFull: v.picklist(['ENOSPC', 'EUSERS', 'EINVAL']),
  attributes: v.array(attribute),
  types: v.pipe(
    v.array(mdevType),
    v.check((types) => new Set(types.map((type) => type.id)).size === types.length, 'types with different ids'),
  ),
})

const diskPath = v.pipe(
  v.string(),
  v.regex(/^(\/[^/\0]+)+$/, 'an absolute path'),
  v.check((path) => !/\/\.\.?(\/|$)/.test(path), 'a path without . and ..'),
)

const scenario = v.pipe(
  v.strictObject({
    name,
    kernel: v.exactOptional(v.picklist(['6.1', '6.12', '7'])),
    pageSize: v.exactOptional(v.picklist(pageSizes)),
    modules: v.record(name, v.record(name, v.string())),
    pci: v.array(pciDevice),
    parents: v.array(parent),
    ap: v.exactOptional(ap),
    css: v.exactOptional(v.array(subchannel)),
    isolatesInterrupts: v.exactOptional(v.boolean()),
    lockedMemory: v.exactOptional(count),
    disk: v.pipe(v.record(diskPath, v.nullable(v.string())), v.check(isTree, 'paths that go through no text file')),
  }),
  v.forward(
    v.check(({ pci, parents, ap, css = [] }) => {
      const vfs = pci.flatMap(({ address, sriov }) => (sriov === undefined ? [] : vfAddresses(address, sriov)))
      const matrix = ap === undefined ? [] : [matrixParent]
      const addresses = new Set([...pci.map(({ address }) => address), ...vfs, ...css.map(({ id }) => id), ...matrix])
      return parents.every(({ name, virtualClass }) => virtualClass !== undefined || addresses.has(name))
    }, 'parents that are in `pci` (virtual functions too) or `css`, or are the `matrix` of `ap`, or have a `virtualClass`'),
    ['parents'],
  ),
)

/** A scenario from a file's text. INVALID_DEFINITION names the file, the field, and what belongs there. */
export function readScenario(text: string, path: string): Scenario {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const reason = cause instanceof Error ? `: ${printable(cause.message)}` : ''
    throw new VfioError('INVALID_DEFINITION', `${path} is not JSON${reason}`, { path, cause })
  }
  return parseScenario(value, path)
}

/** A scenario from a value that came from a file, likewise. */
export function parseScenario(value: unknown, path: string): Scenario {
  const result = v.safeParse(scenario, value, { abortEarly: true })
  if (result.success) return result.output
  const { place, what } = schemaFault(result.issues)
  throw new VfioError('INVALID_DEFINITION', `${path}: ${place ?? 'the scenario'}: ${what}`, {
    path,
    facts: { field: place ?? '' },
    hint: 'a scenario is what `Scenario` of vfioctl/mock describes',
  })
}
