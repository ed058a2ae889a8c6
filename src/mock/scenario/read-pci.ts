import * as v from 'valibot'
import type { Fields } from '../../base/arguments.ts'
import { model } from './read-model.ts'
import { address, count, id, name, positive, powerOfTwo, uses } from './read-values.ts'
import type {
  ScenarioGim,
  ScenarioGimProfile,
  ScenarioMig,
  ScenarioMigProfile,
  ScenarioPciDevice,
  ScenarioPciFunction,
  ScenarioSriov,
  ScenarioVariantDriver,
  ScenarioVgpus,
  ScenarioVgpuType,
  ScenarioXe,
} from './scenario.ts'

const barIndex = v.pipe(v.string(), v.regex(/^[0-5]$/, 'the index of a BAR'))

const pciFunction = v.strictObject({
  kind: v.picklist(['edu', 'nvme', 'pci-testdev', 'memory']),
  serial: v.exactOptional(v.pipe(v.string(), v.regex(/^[ -~]{1,20}$/, 'up to 20 characters of ASCII'))),
  configSize: v.picklist([256, 4096]),
  config: v.record(
    v.pipe(v.string(), v.regex(/^0x[0-9a-f]{1,3}$/, 'an offset such as 0x40')),
    v.pipe(v.string(), v.regex(/^([0-9a-f]{2})+$/, 'bytes in hex')),
  ),
  bars: v.record(barIndex, powerOfTwo),
  resizable: v.exactOptional(v.record(barIndex, v.array(v.pipe(powerOfTwo, v.minValue(2 ** 20))))),
  window: v.exactOptional(positive),
  rom: v.union([v.literal(0), powerOfTwo]),
  reset: v.boolean(),
} satisfies Fields<ScenarioPciFunction>)

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
} satisfies Fields<ScenarioSriov>)

const engines = v.strictObject({ sm: count, ce: count, dec: count, enc: count, jpeg: count, ofa: count })

const mig = v.pipe(
  v.strictObject({
    units: v.pipe(positive, v.maxValue(64)),
    survivesReboot: v.boolean(),
    profiles: v.array(
      v.strictObject({
        id: v.pipe(count, v.maxValue(0xff)),
        name: v.pipe(v.string(), v.regex(/^\d{1,2}g\.\d{1,4}gb(?:[+-][a-z.]{1,16})*$/, 'a size such as 1g.24gb+gfx')),
        units: positive,
        memoryGib: v.pipe(v.number(), v.minValue(0)),
        engines,
      } satisfies Fields<ScenarioMigProfile>),
    ),
  } satisfies Fields<ScenarioMig>),
  v.check(({ units, profiles }) => profiles.every((it) => units % it.units === 0), 'profiles that divide the units'),
)

const vgpus = v.strictObject({
  driverModel: v.picklist(['proprietary', 'open']),
  capacity: v.record(name, count),
  oneTypeAtATime: v.boolean(),
  heterogeneous: v.exactOptional(v.boolean()),
  mig: v.exactOptional(mig),
  types: v.pipe(
    v.array(
      v.strictObject({
        id: v.pipe(positive, v.maxValue(0xffff_ffff)),
        name: v.pipe(v.string(), v.regex(/^[ -~]{1,100}$/, 'one line of ASCII')),
        uses,
        gpuInstance: v.exactOptional(v.strictObject({ profile: count, most: positive })),
        model,
      } satisfies Fields<ScenarioVgpuType>),
    ),
    v.check((types) => new Set(types.map((type) => type.id)).size === types.length, 'types with different ids'),
  ),
} satisfies Fields<ScenarioVgpus>)

const xe = v.strictObject({ vram: count } satisfies Fields<ScenarioXe>)

const memoryMode = v.picklist(['NPS1', 'NPS2', 'NPS4', 'NPS8'])

const gim = v.strictObject({
  profile: count,
  profiles: v.array(
    v.strictObject({
      index: count,
      type: v.picklist(['SPX', 'DPX', 'QPX', 'CPX']),
      partitions: v.pipe(positive, v.maxValue(31)),
      memory: v.array(memoryMode),
    } satisfies Fields<ScenarioGimProfile>),
  ),
  memory: memoryMode,
  memoryModes: v.array(memoryMode),
  engines: v.strictObject({ xcc: count, sdma: count, vcn: count, jpeg: count }),
} satisfies Fields<ScenarioGim>)

/** A device on the bus, with what vfio-pci finds it to be, its virtual functions and vGPUs. */
export const pciDevice: v.GenericSchema<unknown, ScenarioPciDevice> = v.strictObject({
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
  hungUntil: v.exactOptional(v.picklist(['flr', 'pm', 'bus', 'rescan'])),
  function: v.exactOptional(pciFunction),
  sriov: v.exactOptional(sriov),
  vgpus: v.exactOptional(vgpus),
  xe: v.exactOptional(xe),
  gim: v.exactOptional(gim),
} satisfies Fields<ScenarioPciDevice>)

/** A driver of VFIO for particular devices. */
export const variantDriver: v.GenericSchema<unknown, ScenarioVariantDriver> = v.strictObject({
  module: name,
  driver: v.exactOptional(name),
  aliases: v.array(
    v.pipe(
      v.string(),
      v.regex(
        /^v[0-9A-F*]+d[0-9A-F*]+sv[0-9A-F*]+sd[0-9A-F*]+bc[0-9A-F*]+sc[0-9A-F*]+i[0-9A-F*]+$/,
        'an alias such as v000015B3d0000101Esv*sd*bc*sc*i*',
      ),
    ),
  ),
  loadFails: v.exactOptional(v.pipe(v.string(), v.regex(/^[ -~]{1,100}$/, 'one line of ASCII'))),
} satisfies Fields<ScenarioVariantDriver>)
