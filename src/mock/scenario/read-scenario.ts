import * as v from 'valibot'
import type { Fields } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { schemaFault } from '../../base/schema-fault.ts'
import { printable } from '../../base/units.ts'
import { isTree } from '../base/disk.ts'
import { pageSizes } from '../base/kernel-traits.ts'
import { matrixParent } from './parents.ts'
import { model } from './read-model.ts'
import { pciDevice, variantDriver } from './read-pci.ts'
import { recordedHost } from './read-recorded.ts'
import { address, count, name, positive, uses } from './read-values.ts'
import type {
  Scenario,
  ScenarioAp,
  ScenarioAttribute,
  ScenarioFramebuffer,
  ScenarioMdevType,
  ScenarioParent,
  ScenarioPlatformDevice,
  ScenarioSubchannel,
} from './scenario.ts'
import { vfAddresses } from './vf-addresses.ts'

const mask = v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,64}$/, '0x and up to 64 hex digits'))
const upTo255 = v.pipe(count, v.maxValue(255))

const ap = v.strictObject({
  maxAdapter: upTo255,
  maxDomain: upTo255,
  adapters: v.array(v.strictObject({ id: upTo255, type: name })),
  domains: v.array(upTo255),
  apmask: mask,
  aqmask: mask,
} satisfies Fields<ScenarioAp>)

const busId = v.pipe(v.string(), v.regex(/^[0-9a-f]\.[0-3]\.[0-9a-f]{4}$/, 'a bus id such as 0.0.0313'))
const typeAndModel = v.pipe(v.string(), v.regex(/^[0-9a-f]{4}\/[0-9a-f]{2}$/, 'a type and a model such as 3390/0c'))
const hexBytes = (count: number) =>
  v.pipe(v.string(), v.regex(new RegExp(`^[0-9a-f]{2}( [0-9a-f]{2}){${count - 1}}$`), `${count} bytes such as f0 ff`))

const subchannel = v.strictObject({
  id: busId,
  device: busId,
  deviceType: typeAndModel,
  controlUnit: typeAndModel,
  chpids: hexBytes(8),
  pimpampom: hexBytes(3),
  driver: v.nullable(v.picklist(['io_subchannel', 'vfio_ccw'])),
} satisfies Fields<ScenarioSubchannel>)

const platformDevice = v.strictObject({
  name,
  driver: v.nullable(name),
  drivers: v.exactOptional(v.array(name)),
  iommuGroup: v.nullable(count),
} satisfies Fields<ScenarioPlatformDevice>)

const framebuffer = v.strictObject({
  device: address,
  driver: v.picklist(['efi-framebuffer', 'vesa-framebuffer', 'simple-framebuffer']),
  bytes: positive,
} satisfies Fields<ScenarioFramebuffer>)

const attribute = v.strictObject({
  path: v.pipe(v.string(), v.regex(/^[\w][\w.-]*(\/[\w][\w.-]*)?$/, 'one name, or two with / between')),
  value: v.string(),
  access: v.picklist(['r', 'rw']),
  dropsLastByte: v.exactOptional(v.boolean()),
} satisfies Fields<ScenarioAttribute>)

const mdevType = v.strictObject({
  id: name,
  name: v.string(),
  description: v.nullable(v.string()),
  uses,
  model,
  attributes: v.exactOptional(v.array(attribute)),
} satisfies Fields<ScenarioMdevType>)

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
} satisfies Fields<ScenarioParent>)

const diskPath = v.pipe(
  v.string(),
  v.regex(/^(\/[^/\0]+)+$/, 'an absolute path'),
  v.check((path) => !/\/\.\.?(\/|$)/.test(path), 'a path without . and ..'),
)

const scenario = v.pipe(
  v.strictObject({
    name,
    kernel: v.exactOptional(v.picklist(['6.1', '6.12', '6.19', '7'])),
    pageSize: v.exactOptional(v.picklist(pageSizes)),
    modules: v.record(name, v.record(name, v.string())),
    variantDrivers: v.exactOptional(v.array(variantDriver)),
    pci: v.array(pciDevice),
    parents: v.array(parent),
    ap: v.exactOptional(ap),
    css: v.exactOptional(v.array(subchannel)),
    platform: v.exactOptional(v.array(platformDevice)),
    framebuffer: v.exactOptional(framebuffer),
    isolatesInterrupts: v.exactOptional(v.boolean()),
    lockedMemory: v.exactOptional(count),
    disk: v.pipe(v.record(diskPath, v.nullable(v.string())), v.check(isTree, 'paths that go through no text file')),
    recorded: v.exactOptional(recordedHost),
  } satisfies Fields<Scenario>),
  v.forward(
    v.check(({ pci, parents, ap, css = [] }) => {
      const vfs = pci.flatMap(({ address, sriov }) => (sriov === undefined ? [] : vfAddresses(address, sriov)))
      const matrix = ap === undefined ? [] : [matrixParent]
      const addresses = new Set([...pci.map(({ address }) => address), ...vfs, ...css.map(({ id }) => id), ...matrix])
      return parents.every(({ name, virtualClass }) => virtualClass !== undefined || addresses.has(name))
    }, 'parents that are in `pci` (virtual functions too) or `css`, or are the `matrix` of `ap`, or have a `virtualClass`'),
    ['parents'],
  ),
  v.forward(
    v.check(
      ({ recorded, pci, parents, modules, disk }) =>
        recorded === undefined || [pci, parents, modules, disk].every((part) => Object.keys(part).length === 0),
      'no pci, parents, modules and disk beside what is recorded',
    ),
    ['recorded'],
  ),
  v.forward(
    v.check(
      ({ pci, framebuffer: its }) =>
        its === undefined || pci.some((one) => one.address === its.device && one.function?.bars['0'] !== undefined),
      'a device of `pci` with a `function` that has BAR 0',
    ),
    ['framebuffer'],
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
