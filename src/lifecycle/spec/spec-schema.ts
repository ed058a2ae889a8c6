import * as v from 'valibot'
import { bytesOrNull, type PciAddress, pciAddressOrNull, type Uuid, uuidOrNull } from '../../base/units.ts'
import type { Attribute } from '../definition/definition.ts'
import {
  formatShares,
  quantumOrNull,
  type SharePriority,
  sharePriorities,
  timeoutOrNull,
  vramOrNull,
} from '../device/gpu-shares.ts'
import { driverName } from '../settings/bindings.ts'
import { migCount, migProfile } from '../settings/gpu-modes-schema.ts'
import { type NodeOwner, octalMode } from '../settings/node-owners.ts'
import { wishOrNull } from '../settings/pci-settings.ts'
import { barBytes, barSizes, pciWishFields } from '../settings/pci-settings-schema.ts'
import type { FunctionChoice, PciChoice, SpecBinding, SpecDevices, SpecParent, SpecSriov } from '../wanted/spec.ts'
import { knownKeys } from './known-keys.ts'

/** The given parts of a spec file: one of the two, or both. */
interface SpecContent {
  readonly bindings?: SpecBinding[] | undefined
  readonly parents?: SpecParent[] | undefined
}

const maxCount = 65_536

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(maxCount))
const hexId = v.pipe(
  v.string(),
  v.transform((id) => id.toLowerCase().replace(/^0x/, '')),
  v.regex(/^[0-9a-f]{4}$/, 'must be four hex digits in quotes'),
  v.metadata({ pattern: '^(0[xX])?[0-9a-fA-F]{4}$' }),
)
const uuid = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const found = uuidOrNull(dataset.value)
    if (found !== null) return found
    addIssue({ message: 'must be a UUID' })
    return NEVER
  }),
  v.metadata({ pattern: '[0-9a-fA-F]{8}(-?[0-9a-fA-F]{4}){3}-?[0-9a-fA-F]{12}' }),
)
/** YAML reads a number before we see its digits: of those alone that it has not changed is the text known. */
const attributeNumber = v.pipe(v.number(), v.safeInteger('must stand in quotes: as a number it loses digits'))
const attribute = v.pipe(
  v.record(v.string(), v.union([v.string(), attributeNumber])),
  v.check((pairs) => Object.keys(pairs).length === 1, 'must have one name'),
  v.transform((pairs): Attribute[] => Object.entries(pairs).map(([name, value]) => ({ name, value: String(value) }))),
)

const pciAddress = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const found = pciAddressOrNull(dataset.value)
    if (found !== null) return found
    addIssue({ message: 'must be a PCI address' })
    return NEVER
  }),
  v.metadata({ pattern: '[0-9a-fA-F]{2}[:_][01][0-9a-fA-F][._][0-7]$' }),
)

function wantedOf(it: {
  uuid?: Uuid | undefined
  function?: PciAddress | undefined
  count?: number | undefined
}): SpecDevices['wanted'] {
  if (it.uuid !== undefined) return { uuid: it.uuid }
  return it.function === undefined ? { count: it.count ?? 1 } : { function: it.function }
}

/** A name, or a number. */
const account = v.pipe(
  v.union([v.number(), v.string()], 'must be a name or a number'),
  v.transform(String),
  v.regex(/^[^\s:/-][^\s:/]*$/, 'must be a name or a number'),
)
const owner = v.pipe(
  knownKeys({
    user: v.pipe(v.optional(account), v.description('The owner of the node: a user’s name or number.')),
    group: v.pipe(v.optional(account), v.description('The group of the node: a name or a number.')),
    mode: v.pipe(
      v.optional(octalMode),
      v.description('The permissions of the node, as octal digits in quotes: `"0660"`.'),
    ),
  }),
  v.check((it) => Object.keys(it).length > 0, 'must say user, group or mode'),
  v.transform(({ user = null, group = null, mode = null }): NodeOwner => ({ user, group, mode })),
)

function share(read: (text: string) => number | null, what: string) {
  return v.pipe(
    v.string(`must be ${what}`),
    v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
      const value = read(dataset.value)
      if (value !== null) return value
      addIssue({ message: `must be ${what}` })
      return NEVER
    }),
  )
}

interface NamedShares {
  readonly vram?: number | undefined
  readonly quantum?: number | undefined
  readonly timeout?: number | undefined
  readonly priority?: SharePriority | undefined
}

/** The shares of an entry, which stand for its type; null if it names none. */
function sharesIn({ vram, quantum, timeout, priority }: NamedShares): string | null {
  if ([vram, quantum, timeout, priority].every((it) => it === undefined)) return null
  return formatShares({
    vram: vram ?? 0,
    quantumMs: quantum ?? 0,
    timeoutUs: timeout ?? 0,
    priority: priority ?? 'low',
  })
}

/** One or several, the one to be preferred in front. */
const typeNames = v.pipe(
  v.union([v.string(), v.pipe(v.array(v.string()), v.minLength(1))], 'must name a type, or a list of types'),
  v.transform((names) => [names].flat()),
  v.everyItem((name) => name !== '', 'must name a type'),
)

const devices = v.pipe(
  knownKeys({
    type: v.pipe(
      v.optional(typeNames),
      v.description(
        'The type of virtual device by its id or its name, as `vfioctl types` lists it, or a list: of that, the first that its parent offers. A function of an Intel GPU has `vram`, `quantum`, `timeout` and `priority` instead, which may stand beside it for a file of several hosts.',
      ),
    ),
    vram: v.pipe(
      v.optional(share(vramOrNull, 'a size such as 8GiB, in pieces of 2 MiB')),
      v.description('The VRAM of a function of an Intel GPU: a size such as `8GiB`. Cards with VRAM need it.'),
    ),
    quantum: v.pipe(
      v.optional(share(quantumOrNull, 'a time such as 10ms, 100s at most')),
      v.description('The time that the function runs in a row, such as `10ms`. Without it, it is not limited.'),
    ),
    timeout: v.pipe(
      v.optional(share(timeoutOrNull, 'a time such as 20ms or 500us, 100s at most')),
      v.description(
        'The time after which the function is stopped if it does not give way, such as `20ms`. Without it, never.',
      ),
    ),
    priority: v.pipe(
      v.optional(v.picklist(sharePriorities)),
      v.description(
        '`normal` if the functions have their time also while they have nothing to do; `low` if not, as without it. All functions of a card have the same.',
      ),
    ),
    driver: v.pipe(
      v.optional(driverName),
      v.description('The driver of this `function`, as of an entry in `bindings`.'),
    ),
    uuid: v.pipe(
      v.optional(uuid),
      v.description('The UUID of this one device. Without it, `apply` chooses the UUIDs.'),
    ),
    function: v.pipe(
      v.optional(pciAddress),
      v.description('The virtual function that is to be this vGPU: its PCI address.'),
    ),
    count: v.pipe(
      v.optional(count),
      v.description(
        'The number of devices of this type on the parent: `apply` removes those beyond it. One without `count`, `uuid` and `function`, which exclude each other.',
      ),
    ),
    autostart: v.pipe(
      v.optional(v.boolean(), true),
      v.description(
        '`true` if it starts whenever its parent appears, as at every boot; `false` if it starts on demand.',
      ),
    ),
    attributes: v.pipe(
      v.optional(v.array(attribute), []),
      v.description(
        'Attributes that vfioctl writes, in this order, before the device is used: a list of `name: value`.',
      ),
    ),
    owner: v.pipe(
      v.optional(owner),
      v.description(
        'The owner of its node in /dev, now and at every start: at least one of `user`, `group` and `mode`. Without it, the node keeps its owner.',
      ),
    ),
  }),
  v.check(
    (it) => it.type !== undefined || sharesIn(it) !== null,
    'must have a type, or vram, quantum, timeout or priority',
  ),
  v.check((it) => it.driver === undefined || it.function !== undefined, 'driver goes with function'),
  v.check(
    (it) => [it.uuid, it.function, it.count].filter((one) => one !== undefined).length < 2,
    'uuid, function and count exclude each other',
  ),
  v.transform(
    (it): SpecDevices => ({
      at: null,
      ...typesIn([...(it.type ?? []), ...[sharesIn(it)].filter((shares) => shares !== null)]),
      driver: it.driver ?? null,
      wanted: wantedOf(it),
      start: it.autostart ? 'auto' : 'manual',
      attributes: it.attributes.flat(),
      owner: it.owner ?? null,
    }),
  ),
)

function typesIn([type = '', ...otherTypes]: readonly string[]): Pick<SpecDevices, 'type' | 'otherTypes'> {
  return { type, otherTypes }
}

const pciChoices = [
  v.pipe(
    v.string(),
    v.nonEmpty(),
    v.transform((text): PciChoice => rangeOf(text) ?? { names: [text] }),
  ),
  v.pipe(
    v.array(v.pipe(v.string(), v.nonEmpty())),
    v.minLength(1),
    v.transform((names): PciChoice => ({ names })),
  ),
  v.pipe(
    knownKeys({
      vendor: v.pipe(hexId, v.description('All devices of this vendor: four hex digits in quotes.')),
      device: v.pipe(v.optional(hexId), v.description('Only those with this device id: four hex digits in quotes.')),
    }),
    v.transform(({ vendor, device }): PciChoice => ({ vendor, device: device ?? null })),
  ),
] as const

const choice = v.union(
  [
    ...pciChoices,
    knownKeys({
      anyWith: v.pipe(
        typeNames,
        v.description(
          'All parents that offer this type, `shares` for Intel’s GPUs with the driver xe; or a list: those that offer the first of it that this host has.',
        ),
      ),
    }),
  ],
  'must be a PCI address or name, a list of them, a range FROM-TO, {vendor, device} or {anyWith: TYPE}',
)

const migInstances = knownKeys({
  profile: v.pipe(
    migProfile,
    v.description('The size of a GPU instance, as `nvidia-smi mig -lgip` lists it: `1g.24gb+gfx`.'),
  ),
  count: v.pipe(v.optional(migCount, 1), v.description('The number of them: 1 if it is not said.')),
})

const functionCount = v.union([v.literal('all'), count], 'must be a number of virtual functions, or all')
const sriov = v.union(
  [
    v.pipe(
      functionCount,
      v.transform((count): SpecSriov => ({ count, autoprobe: null })),
    ),
    v.pipe(
      knownKeys({
        count: v.pipe(functionCount, v.description('The number of virtual functions, or `all`.')),
        autoprobe: v.pipe(
          v.optional(v.boolean()),
          v.description(
            '`false` keeps the host’s drivers from the virtual functions as they come, now and at every boot (`sriov_drivers_autoprobe`): `bindings` then give them a driver at once. `true` lets the host have them. MAC addresses, VLANs and trust of network functions stay with `ip link set DEV vf N`.',
          ),
        ),
      }),
      v.transform(({ count, autoprobe = null }): SpecSriov => ({ count, autoprobe })),
    ),
  ],
  'must be a number of virtual functions, all, or {count, autoprobe}',
)

const parent = v.pipe(
  knownKeys({
    parent: v.pipe(
      choice,
      v.description(
        'The card or other parent that carries the devices: a PCI address or a name, a list of them, a range `FROM-TO` or `41:00.*`, or an object with `vendor` or `anyWith`.',
      ),
    ),
    sriov: v.pipe(
      v.optional(sriov),
      v.description(
        'The number of its virtual functions, now and at every boot, or `all`; or an object with `count`. Without it, their number stays.',
      ),
    ),
    heterogeneous: v.pipe(
      v.optional(v.boolean()),
      v.description(
        '`true` if a GPU of NVIDIA’s takes vGPUs of several framebuffer sizes beside each other, now and at every boot, `false` for one size. It needs `sriov` beside it. Without it, that stays as it is.',
      ),
    ),
    mig: v.pipe(
      v.optional(v.array(migInstances)),
      v.description(
        'The GPU instances (MIG) that a GPU of NVIDIA’s is cut into, now and at every boot, in the order in which they are made: a list of `{ profile, count }`. An empty list ends MIG mode. It needs `sriov` beside it, and excludes `heterogeneous: true`. Without it, with `sriov`, the instances are counted for the types in `devices` that take one, unless those that there are suffice.',
      ),
    ),
    devices: v.pipe(v.optional(v.array(devices), []), v.description('A list of the virtual devices that it carries.')),
    others: v.pipe(
      v.optional(v.picklist(['keep', 'remove']), 'keep'),
      v.description('Its devices of types that `devices` does not name: `keep` them, or `remove` them.'),
    ),
  }),
  v.check(
    ({ sriov, heterogeneous, mig }) => (heterogeneous === undefined && mig === undefined) || sriov !== undefined,
    'heterogeneous and mig need sriov: all beside them, as they are set in one order with it',
  ),
  v.check(
    ({ heterogeneous, mig }) => heterogeneous !== true || mig === undefined || mig.length === 0,
    'heterogeneous: true and mig exclude each other',
  ),
  v.transform(
    (it): SpecParent => ({
      at: null,
      choice: it.parent,
      modes: {
        ...(it.heterogeneous === undefined ? {} : { heterogeneous: it.heterogeneous }),
        ...(it.mig === undefined ? {} : { mig: it.mig }),
      },
      sriov: it.sriov ?? null,
      devices: it.devices,
      others: it.others,
    }),
  ),
)

const virtfn = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))
const functions = v.pipe(
  knownKeys({
    card: v.pipe(pciAddress, v.description('The virtual functions of this card: its PCI address.')),
    virtfn: v.pipe(
      v.optional(v.union([virtfn, v.pipe(v.array(virtfn), v.minLength(1))], 'must be a number from 0 on, or a list')),
      v.description('Only those of these numbers, as in `virtfn0` of sysfs: a number, or a list. All if absent.'),
    ),
  }),
  v.transform(
    ({ card, virtfn = null }): FunctionChoice => ({ card, virtfn: virtfn === null ? null : [virtfn].flat() }),
  ),
)

/** As people write it. */
const barSize = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const bytes = bytesOrNull(dataset.value)
    if (bytes !== null) return bytes
    addIssue({ message: 'must be a size such as 8GiB, or default' })
    return NEVER
  }),
)
const sizeFault = 'must be a size such as 8GiB, or default'
const bars = barSizes(v.union([barBytes(v.union([v.number(), barSize], sizeFault)), v.literal('default')], sizeFault))

const binding = v.pipe(
  knownKeys({
    device: v.pipe(
      v.union(
        [...pciChoices, functions],
        'must be a PCI address or BUS/NAME, a list of them, a range FROM-TO, {vendor, device} of PCI devices or {card, virtfn}',
      ),
      v.description(
        'The devices: a PCI address, or `css/0.0.0314`, `platform/NAME` and the like on other buses; a list of them; or, of PCI devices, a range `FROM-TO` or `41:00.*`, or an object with `vendor`, or with `card`.',
      ),
    ),
    driver: v.pipe(
      v.optional(driverName),
      v.description(
        'The driver that they get, now and at every boot. Without it, or with `best`, VFIO’s best driver for each: `vfio-pci`, or one that the kernel has for just such devices, or that of their bus. `none` keeps all drivers away.',
      ),
    ),
    group: v.pipe(
      v.optional(v.boolean(), false),
      v.description(
        '`true` if every other endpoint in their IOMMU group gets the same driver, and the same `power` and `d3cold`.',
      ),
    ),
    power: v.pipe(
      v.optional(pciWishFields.power),
      v.description(
        'The power of PCI devices, now and at every boot: `on` keeps them awake, `auto` lets them sleep while nobody uses them. Without it, it stays; `default` takes it back to what it was before it was set, as of the next three keys.',
      ),
    ),
    d3cold: v.pipe(
      v.optional(pciWishFields.d3cold),
      v.description('`false` if the kernel may not cut their power while they sleep (D3cold), `true` if it may.'),
    ),
    resetMethods: v.pipe(
      v.optional(pciWishFields.resetMethods),
      v.description(
        'The ways to reset them, the one to try first in front: a list of `device_specific`, `acpi`, `flr`, `af_flr`, `pm`, `bus` and `cxl_bus`. An empty list turns all resets off.',
      ),
    ),
    bars: v.pipe(
      v.optional(bars),
      v.description(
        'The sizes of their resizable BARs, by index: `{ 1: 8GiB }`. They are set before a driver has the device, which is taken from its driver for that.',
      ),
    ),
    early: v.pipe(
      v.optional(v.boolean()),
      v.description(
        '`true` if they get it at every boot before any other driver sees them, by a udev rule that is in the initramfs too, which is made anew for that; PCI devices alone, and none that the host uses. `false` for no longer so. Without it, that stays as it is.',
      ),
    ),
    framebuffer: v.pipe(
      v.optional(v.literal('release')),
      v.description(
        '`release` if the host is to let go of its screen on them, the firmware’s framebuffer and the console. Without it, `apply` leaves a device alone that shows them.',
      ),
    ),
  }),
  v.transform(({ device, driver = null, group, early = null, framebuffer, ...settings }): SpecBinding => {
    const releaseFramebuffer = framebuffer === 'release'
    const wishes = { early, settings: wishOrNull(settings), releaseFramebuffer }
    return { at: null, choice: device, driver, group, ...wishes }
  }),
)

/**
 * The schema of a spec file. Each key has a description, which vfioctl-spec(5) shows and the JSON Schema has; a form that
 * code alone checks has a `pattern` for it in its metadata, which takes at least all that the code takes.
 */
export const specSchema: v.GenericSchema<unknown, SpecContent> = v.pipe(
  knownKeys({
    version: v.pipe(v.literal(1), v.description('The version of this format: `1`.')),
    bindings: v.pipe(
      v.optional(v.array(binding)),
      v.description(
        'A list of devices with the driver that each is to have. The file has `bindings`, `parents` or both.',
      ),
    ),
    parents: v.pipe(
      v.optional(v.array(parent)),
      v.description('A list of cards and other parents, with what each carries.'),
    ),
  }),
  v.check(({ bindings, parents }) => bindings !== undefined || parents !== undefined, 'must have parents or bindings'),
)

function rangeOf(text: string): PciChoice | null {
  const functions = /^(.+)\.\*$/.exec(text)?.[1]
  const [, from, to] =
    /^([0-9a-fA-F:.]+)-([0-9a-fA-F:.]+)$/.exec(functions === undefined ? text : `${functions}.0-${functions}.7`) ?? []
  const [first, last] = [pciAddressOrNull(from ?? ''), pciAddressOrNull(to ?? '')]
  return first === null || last === null ? null : { from: first, to: last }
}
