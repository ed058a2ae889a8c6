import { VfioError } from '../../errors.ts'
import { readDeviceTypes } from '../../host/device-types.ts'
import { mdevParents } from '../../host/mdev-types.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { readPhysicalFunctions } from '../../host/sriov.ts'
import { readVgpuFunctions } from '../../host/vgpu-functions.ts'
import { isNvidiaGpu } from '../../host/vgpu-types.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { PciAddress } from '../../units.ts'
import { findParent, isTypeNamed } from '../type-choice.ts'
import { isVgpuPlace } from '../vgpu/place.ts'
import { choosePci, fitsPci, pciChoiceInWords } from './choose-pci.ts'
import type { ParentChoice } from './spec.ts'

const nvidia = '0x10de'

/** Parents of mediated devices, and cards whose virtual functions are or could be vGPUs. */
export interface ChosenParents {
  readonly mdev: readonly string[]
  readonly vgpu: readonly PciAddress[]
}

/** The parents of this host that a choice stands for, in the bus's order. NOT_FOUND where there is none. */
export function chooseParents(files: HostFiles, choice: ParentChoice): ChosenParents {
  if ('names' in choice) {
    const cards = choice.names.filter((name) => isVgpuPlace(files, name))
    const parents = choice.names.filter((name) => !cards.includes(name))
    return { mdev: parents.map((name) => findParent(files, name)), vgpu: choosePci(files, { names: cards }) }
  }
  const cards = vgpuCards(files)
  const all = [...new Set([...(mdevParents(files) ?? []), ...cards])].sort()
  const found = all.filter((parent) => fits(files, parent, choice))
  const chosen = 'gpus' in choice && choice.gpus !== 'all' ? choice.gpus.flatMap((index) => found[index] ?? []) : found
  if (chosen.length > 0) {
    const vgpu = cards.filter((card) => chosen.includes(card))
    const mdev = chosen.filter((parent) => !vgpu.some((card) => card === parent))
    // a type that is found is of one kind
    return { mdev, vgpu: 'anyWith' in choice && mdev.length > 0 ? [] : vgpu }
  }
  throw new VfioError('NOT_FOUND', `no parent of this host is ${inWords(choice)}`, { hint: 'vfioctl types' })
}

/** Cards with vGPUs, or that could have them once they have virtual functions. */
function vgpuCards(files: HostFiles): PciAddress[] {
  const mdevs = new Set(mdevParents(files) ?? [])
  const shown = readVgpuFunctions(files).functions.map(({ physfn }) => physfn)
  const others = readPhysicalFunctions(files)
    .functions.map(({ address }) => address)
    .filter((address) => isNvidiaGpu(files, address))
  return [...new Set([...shown, ...others])].filter((address) => !mdevs.has(address)).sort()
}

function fits(files: HostFiles, parent: string, choice: Exclude<ParentChoice, { names: readonly string[] }>): boolean {
  if ('anyWith' in choice) {
    return readDeviceTypes(files, { parent }).types.some((type) => isTypeNamed(type, choice.anyWith))
  }
  if (!('gpus' in choice)) return fitsPci(files, parent, choice)
  const { vendor, device } = readPciIds(files, parent, [])
  return vendor === nvidia && (choice.ids.length === 0 || choice.ids.includes(device?.slice(2) ?? ''))
}

function inWords(choice: ParentChoice): string {
  if ('anyWith' in choice) return `one that offers ${choice.anyWith}`
  if (!('gpus' in choice)) return pciChoiceInWords(choice)
  return `GPU ${choice.gpus === 'all' ? 'of NVIDIA' : choice.gpus.join(', ')} with virtual devices`
}
