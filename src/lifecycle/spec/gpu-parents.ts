import { VfioError } from '../../base/errors.ts'
import type { PciAddress } from '../../base/units.ts'
import { isGpu } from '../../host/nvidia-gpu.ts'
import { pciAddresses } from '../../host/pci-bus.ts'
import { physicalFunctionOf } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { kinds } from '../kinds/kinds.ts'
import { invalidSpec } from '../wanted/invalid-spec.ts'
import type { Spec, SpecGpus, SpecParent } from '../wanted/spec.ts'
import { fitsGpu } from './gpu-ids.ts'

/**
 * The devices that each GPU of this host is to carry by a file of vgpu-device-manager, as that counts them: all of
 * NVIDIA's in the bus's order, also those that a filter leaves out. An entry that fits no GPU is passed over; NOT_FOUND
 * if none fits.
 */
export function gpuParents(
  files: HostFiles,
  { gpus: entries, path }: Spec,
): { parents: SpecParent[]; warnings: Warning[] } {
  const warnings: Warning[] = []
  if (entries.length === 0) return { parents: [], warnings }
  const gpus = nvidiaGpus(files)
  const fitting = gpus.flatMap((address, index) => {
    const its = entries.filter((entry) => fits(files, entry, address, index))
    return its.length === 0 ? [] : [{ gpu: { address, index, path }, its }]
  })
  if (fitting.length === 0) throw nothingFits(gpus, path)
  const parents = fitting.flatMap(({ gpu, its }) => parentOf(files, gpu, entryFor(files, gpu, its, warnings)))
  return { parents, warnings }
}

interface Gpu {
  readonly address: PciAddress
  readonly index: number
  /** The file, for messages. */
  readonly path: string
}

/** go-nvlib's GetGPUs: VGA and 3D controllers that are no virtual functions. */
function nvidiaGpus(files: HostFiles): PciAddress[] {
  const number = (address: string) => Number.parseInt(address.replaceAll(/[:.]/g, ''), 16)
  return pciAddresses(files)
    .filter((address) => isGpu(files, address) && physicalFunctionOf(files, address) === null)
    .sort((a, b) => number(a) - number(b))
}

function fits(files: HostFiles, { gpus, filters }: SpecGpus, address: PciAddress, index: number): boolean {
  const isMeant = gpus === 'all' || gpus.includes(index)
  return isMeant && (filters === null || filters.some((filter) => fitsGpu(files, address, filter)))
}

/**
 * The last one, as each takes the place of the one before. Some models share their ids: of entries that name a model,
 * one whose types the card does not have is for another model, and that is said.
 */
function entryFor(files: HostFiles, gpu: Gpu, its: readonly SpecGpus[], warnings: Warning[]): SpecGpus {
  const isOfIt = ({ filters, devices }: SpecGpus) =>
    filters === null || devices.every(({ type }) => typeOn(files, gpu.address, type) !== null)
  const last = its.at(-1) ?? { gpus: [], filters: null, devices: [] }
  const chosen = its.findLast(isOfIt) ?? last
  if (chosen !== last) {
    const types = last.devices.map(({ type }) => type).join(', ')
    warnings.push({
      path: gpu.path,
      message: `asks GPU ${gpu.index} (${gpu.address}) for ${types} too, which it does not have: that entry is passed over`,
    })
  }
  return chosen
}

function parentOf(files: HostFiles, { address, index, path }: Gpu, { devices }: SpecGpus): SpecParent[] {
  const hasPlace = kinds.some((kind) => kind.placesOn(files, address).length > 0)
  if (devices.length === 0 && !hasPlace) return []
  if (!hasPlace && !kinds.some((kind) => kind.claimsParent(files, address))) {
    throw new VfioError('NOT_SUPPORTED', `${path}: GPU ${index} (${address}) offers no vGPUs, and is to carry some`, {
      path,
      hint: 'vfioctl types shows which do; devices: [NUMBER, …] or device-filter leaves it out',
      facts: { gpu: index, device: address },
    })
  }
  const wanted = devices.map(({ type, count }) => ({ type: typeOn(files, address, type) ?? type, count }))
  const twice = wanted.find(({ type }, at) => wanted.findIndex((other) => other.type === type) < at)
  if (twice !== undefined) throw invalidSpec(path, twice.type, `is listed twice for GPU ${index} (${address})`)
  return [
    {
      at: null,
      choice: { names: [address] },
      sriov: null,
      modes: {},
      devices: wanted.map(({ type, count }) => ({
        type,
        otherTypes: [],
        wanted: { count },
        at: null,
        start: 'auto',
        attributes: [],
        owner: null,
        driver: null,
      })),
      others: 'remove',
    },
  ]
}

/**
 * The name by which a card has a type: as the file has it, or without what it says of the GPU instance (A100-1-5CME),
 * which not every driver has in its names. Null if it has neither.
 */
function typeOn(files: HostFiles, address: PciAddress, name: string): string | null {
  const names = [name, name.replace(/(?:MEALL|NOME|ME|GFX)$/, '')]
  return names.find((it) => kinds.some((kind) => kind.hasType(files, address, it))) ?? null
}

function nothingFits(gpus: readonly PciAddress[], path: string): VfioError {
  const has = gpus.length === 0 ? 'none at all' : gpus.map((address, index) => `${index}: ${address}`).join(', ')
  return new VfioError('NOT_FOUND', `${path}: no GPU of NVIDIA's on this host fits; it has ${has}`, {
    path,
    hint: 'lspci -Dnn -d 10de: shows their ids; device-filter has the device first: 0x1EB810DE',
    facts: { gpus },
  })
}
