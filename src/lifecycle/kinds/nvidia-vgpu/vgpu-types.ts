import { type PciAddress, printable } from '../../../base/units.ts'
import { pciPath, readPhysicalFunctions } from '../../../host/sriov.ts'
import { readOrWarn, type Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { DeviceType, TypeFilter } from '../../device/device-type.ts'
import { offersNothing } from '../../device/mig.ts'
import { parentName } from '../../device/parents.ts'
import { needsFunctions } from '../mdev/refusal-reason.ts'
import { readVgpuFunctions, type VgpuFunction } from './vgpu-functions.ts'
import { knownTypeName } from './vgpu-type-names.ts'

/** A type of vendor vGPU, by the number and the name that its driver has for it. */
export interface CreatableType {
  readonly id: number
  readonly name: string
}

/** A kind of vendor vGPU that a card offers now, or has. */
export interface VgpuType extends DeviceType {
  readonly kind: 'vgpu'
  /** The card's physical function. */
  readonly parent: PciAddress
  /** The id, in decimal: '1157'. */
  readonly type: string
  readonly available: null
  /** Its driver says only which functions take one, and one start changes that. */
  readonly availableAtMost: number
  /** Functions that are vGPUs of this type. */
  readonly devices: readonly PciAddress[]
}

/** A card has some hundred types at most; what is beyond that is no list. */
const maxTypes = 4096

/**
 * The types that a function can be made now: `creatable_vgpu_types`, lines '1157  : NVIDIA L40S-24Q', with a header
 * before them or not. The list of each function changes with every start and stop on the card.
 */
export function readCreatableTypes(files: HostFiles, address: PciAddress, warnings: Warning[] = []): CreatableType[] {
  const path = `${pciPath(address)}/nvidia/creatable_vgpu_types`
  return readOrWarn(path, warnings, [], () => parseCreatable(files.read(path), path, warnings))
}

function parseCreatable(text: string, path: string, warnings: Warning[]): CreatableType[] {
  const types = new Map<number, string>()
  for (const line of text.split('\n', maxTypes)) {
    const [, digits = '', said = ''] = /^(\d{1,10})\s*:(.*)$/s.exec(line) ?? []
    const name = said.trim()
    const id = Number(digits)
    if (digits === '') continue
    if (id === 0 || id > 0xffff_ffff || name === '' || printable(name) !== name) {
      warnings.push({ path, message: `has a line that is not a type: '${printable(line)}'` })
    } else if (!types.has(id)) types.set(id, name)
  }
  return [...types].map(([id, name]) => ({ id, name }))
}

/** Every type that a card's functions offer or have, by card and id. What cannot be read is a warning. */
export function readVgpuTypes(files: HostFiles, filter: TypeFilter = {}): { types: VgpuType[]; warnings: Warning[] } {
  const { functions, warnings } = readVgpuFunctions(files)
  const only = filter.parent === undefined ? undefined : parentName(filter.parent)
  const cards = new Map<PciAddress, VgpuFunction[]>()
  for (const one of functions) {
    if (only !== undefined && only !== one.physfn && only !== one.address) continue
    cards.set(one.physfn, [...(cards.get(one.physfn) ?? []), one])
  }
  const types = [...cards].flatMap(([card, its]) => {
    const found = typesOf(files, card, its, warnings)
    const [first] = its
    if (found.length === 0 && first !== undefined && its.every(({ type }) => type === 0)) {
      const path = `${pciPath(first.address)}/nvidia/creatable_vgpu_types`
      warnings.push({ path, message: `${offersNothing}: nvidia-smi mig -i ${card} -lgi` })
    }
    return found
  })
  warnings.push(...withoutFunctions(files, only))
  return { types: types.filter(({ type }) => filter.type === undefined || filter.type === type), warnings }
}

function typesOf(
  files: HostFiles,
  parent: PciAddress,
  functions: readonly VgpuFunction[],
  warnings: Warning[],
): VgpuType[] {
  const found = new Map<number, { name: string | null; offeredBy: number; devices: PciAddress[] }>()
  const entry = (id: number, name: string | null) => {
    const known = found.get(id) ?? { name, offeredBy: 0, devices: [] }
    found.set(id, known)
    return known
  }
  for (const { address, type } of functions) {
    if (type !== null && type !== 0) entry(type, knownTypeName(files, type)).devices.push(address)
    if (type === 0) for (const { id, name } of readCreatableTypes(files, address, warnings)) entry(id, name).offeredBy++
  }
  return [...found]
    .sort(([a], [b]) => a - b)
    .map(([id, { name, offeredBy, devices }]) => ({
      kind: 'vgpu',
      parent,
      type: String(id),
      name,
      deviceApi: 'vfio-pci',
      available: null,
      availableAtMost: offeredBy,
      description: null,
      details: { framebufferMiB: framebufferOf(name), maxResolution: null, heads: null, maxInstances: null },
      devices,
    }))
}

/** NVIDIA's names end in the gibibytes and the series: 'L40S-24Q', 'A100-1-5C', 'A100-1-5CME'. */
export function framebufferOf(name: string | null): number | null {
  const size = /-(\d{1,4})[ABCQ](?:\d|ME|NOME|MEALL|GFX)*$/.exec(name ?? '')?.[1]
  return size === undefined ? null : Number(size) * 1024
}

/** NVIDIA's cards whose vGPUs are made of virtual functions, and that have none: that is why they offer nothing. */
function withoutFunctions(files: HostFiles, only: string | undefined): Warning[] {
  return readPhysicalFunctions(files)
    .functions.filter((card) => (only === undefined || only === card.address) && needsFunctions(files, card))
    .map(({ address, total }) => {
      const message = `is 0, and vGPUs are made of virtual functions: vfioctl sriov ${address} ${total}`
      return { path: `${pciPath(address)}/sriov_numvfs`, message }
    })
}
