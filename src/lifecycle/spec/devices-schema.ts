import * as v from 'valibot'
import { type PciAddress, type Uuid, uuidOrNull } from '../../base/units.ts'
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
import { type NodeOwner, octalMode } from '../settings/node-owners.ts'
import type { SpecDevices } from '../wanted/spec.ts'
import { knownKeys } from './known-keys.ts'
import { pciAddress } from './pci-choice-schema.ts'

const maxCount = 65_536

/** A number of devices or of virtual functions. */
export const count: v.GenericSchema<number> = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(maxCount))

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
export const typeNames: v.GenericSchema<string | string[], string[]> = v.pipe(
  v.union([v.string(), v.pipe(v.array(v.string()), v.minLength(1))], 'must name a type, or a list of types'),
  v.transform((names) => [names].flat()),
  v.everyItem((name) => name !== '', 'must name a type'),
)

/** An entry of `devices`: what a parent carries. */
export const devices: v.GenericSchema<unknown, SpecDevices> = v.pipe(
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
