import * as v from 'valibot'
import { type PciAddress, pciAddressOrNull, type Uuid, uuidOrNull } from '../../base/units.ts'
import type { Attribute } from '../definition/definition.ts'
import { driverName } from '../settings/bindings.ts'
import { type NodeOwner, octalMode } from '../settings/node-owners.ts'
import { invalidSpec } from '../wanted/invalid-spec.ts'
import type { PciChoice, Spec, SpecBinding, SpecDevices, SpecParent } from '../wanted/spec.ts'
import { invalidContent, placeInWords } from './invalid-content.ts'
import { knownKeys } from './known-keys.ts'
import { readYaml, type YamlContent } from './read-yaml.ts'
import { isVgpuConfig, parseVgpuConfig } from './vgpu-config.ts'
import { YamlFault } from './yaml-fault.ts'

/** A file with thousands of devices is a few hundred KiB. */
export const largestSpec: number = 1024 * 1024
const maxCount = 65_536

const count = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(maxCount))
const hexId = v.pipe(
  v.string(),
  v.transform((id) => id.toLowerCase().replace(/^0x/, '')),
  v.regex(/^[0-9a-f]{4}$/, 'must be four hex digits in quotes'),
)
const uuid = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const found = uuidOrNull(dataset.value)
    if (found !== null) return found
    addIssue({ message: 'must be a UUID' })
    return NEVER
  }),
)
const attribute = v.pipe(
  v.record(v.string(), v.union([v.string(), v.number()])),
  v.check((pairs) => Object.keys(pairs).length === 1, 'must have one name'),
  v.transform((pairs): Attribute[] => Object.entries(pairs).map(([name, value]) => ({ name, value: String(value) }))),
)

const pciAddress = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const found = pciAddressOrNull(dataset.value)
    if (found !== null) return found
    addIssue({ message: 'must be the PCI address of a virtual function' })
    return NEVER
  }),
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
  knownKeys({ user: v.optional(account), group: v.optional(account), mode: v.optional(octalMode) }),
  v.check((it) => Object.keys(it).length > 0, 'must say user, group or mode'),
  v.transform(({ user = null, group = null, mode = null }): NodeOwner => ({ user, group, mode })),
)

const devices = v.pipe(
  knownKeys({
    type: v.pipe(v.string(), v.nonEmpty('must name a type')),
    uuid: v.optional(uuid),
    function: v.optional(pciAddress),
    count: v.optional(count),
    autostart: v.optional(v.boolean(), true),
    attributes: v.optional(v.array(attribute), []),
    owner: v.optional(owner),
  }),
  v.check(
    (it) => [it.uuid, it.function, it.count].filter((one) => one !== undefined).length < 2,
    'uuid, function and count exclude each other',
  ),
  v.transform(
    (it): SpecDevices => ({
      at: null,
      type: it.type,
      wanted: wantedOf(it),
      start: it.autostart ? 'auto' : 'manual',
      attributes: it.attributes.flat(),
      owner: it.owner ?? null,
    }),
  ),
)

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
    knownKeys({ vendor: hexId, device: v.optional(hexId) }),
    v.transform(({ vendor, device }): PciChoice => ({ vendor, device: device ?? null })),
  ),
] as const

const choice = v.union(
  [...pciChoices, knownKeys({ anyWith: v.pipe(v.string(), v.nonEmpty()) })],
  'must be a PCI address or name, a list of them, a range FROM-TO, {vendor, device} or {anyWith: TYPE}',
)

const parent = v.pipe(
  knownKeys({
    parent: choice,
    sriov: v.optional(v.union([v.literal('all'), count], 'must be a number of virtual functions, or all')),
    devices: v.optional(v.array(devices), []),
    others: v.optional(v.picklist(['keep', 'remove']), 'keep'),
  }),
  v.transform(
    (it): SpecParent => ({
      at: null,
      choice: it.parent,
      sriov: it.sriov ?? null,
      devices: it.devices,
      others: it.others,
    }),
  ),
)

const binding = v.pipe(
  knownKeys({
    device: v.union(pciChoices, 'must be a PCI address, a list of them, a range FROM-TO or {vendor, device}'),
    driver: v.optional(driverName, 'vfio-pci'),
    group: v.optional(v.boolean(), false),
  }),
  v.transform(({ device, ...rest }): SpecBinding => ({ at: null, choice: device, ...rest })),
)

const specFile = v.pipe(
  knownKeys({
    version: v.literal(1),
    bindings: v.optional(v.array(binding)),
    parents: v.optional(v.array(parent)),
  }),
  v.check(({ bindings, parents }) => bindings !== undefined || parents !== undefined, 'must have parents or bindings'),
)

/**
 * Reads a spec file: YAML or JSON, ours or that of NVIDIA's vgpu-device-manager, of which `label` names one config.
 * INVALID_SPEC with the file, the place in it, and what should stand there.
 */
export function parseSpec(text: string, path: string, label?: string): Spec {
  const content = parseYaml(text, path)
  if (isVgpuConfig(content.value)) {
    return { path, bindings: [], parents: [], gpus: parseVgpuConfig(content, path, label) }
  }
  const result = v.safeParse(specFile, content.value, { abortEarly: true })
  if (!result.success) throw invalidContent(path, content, result.issues)
  const { bindings = [], parents = [] } = result.output
  checkUuids(parents, path, content)
  return { path, ...withPlaces(bindings, parents, content), gpus: [] }
}

function withPlaces(
  bindings: readonly SpecBinding[],
  parents: readonly SpecParent[],
  content: YamlContent,
): Pick<Spec, 'bindings' | 'parents'> {
  return {
    bindings: bindings.map((it, index) => ({ ...it, at: content.placeOf(['bindings', index]) })),
    parents: parents.map((it, index) => ({
      ...it,
      at: content.placeOf(['parents', index]),
      devices: it.devices.map((each, n) => ({ ...each, at: content.placeOf(['parents', index, 'devices', n]) })),
    })),
  }
}

function parseYaml(text: string, path: string): YamlContent {
  if (text.length > largestSpec) throw invalidSpec(path, 'the file', `has more than ${largestSpec} characters`)
  try {
    return readYaml(text)
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error
    throw invalidSpec(path, 'the file', error.message, error.place)
  }
}

function rangeOf(text: string): PciChoice | null {
  const functions = /^(.+)\.\*$/.exec(text)?.[1]
  const [, from, to] =
    /^([0-9a-fA-F:.]+)-([0-9a-fA-F:.]+)$/.exec(functions === undefined ? text : `${functions}.0-${functions}.7`) ?? []
  const [first, last] = [pciAddressOrNull(from ?? ''), pciAddressOrNull(to ?? '')]
  return first === null || last === null ? null : { from: first, to: last }
}

/** A UUID stands for one device. */
function checkUuids(parents: readonly SpecParent[], path: string, content: YamlContent): void {
  const seen = new Set<string>()
  for (const [index, { devices }] of parents.entries()) {
    for (const [at, { wanted }] of devices.entries()) {
      if (!('uuid' in wanted)) continue
      const place = ['parents', index, 'devices', at, 'uuid']
      if (seen.has(wanted.uuid)) {
        throw invalidSpec(path, placeInWords(place), `${wanted.uuid} is listed twice`, content.placeOf(place))
      }
      seen.add(wanted.uuid)
    }
  }
}
