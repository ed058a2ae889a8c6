import { VfioError } from '../../errors.ts'
import { mdevParents, readMdevTypes } from '../../host/mdev-types.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { failedWith } from '../../kernel/system-error.ts'
import { pciAddressOrNull } from '../../units.ts'
import { findParent, isTypeNamed } from '../type-choice.ts'
import type { ParentChoice } from './spec.ts'

const nvidia = '10de'

/** The parents of this host that a choice stands for, in the bus's order. NOT_FOUND where there is none. */
export function chooseParents(files: HostFiles, choice: ParentChoice): string[] {
  if ('names' in choice) return choice.names.map((name) => findParent(files, name))
  const found = (mdevParents(files) ?? []).filter((parent) => fits(files, parent, choice))
  const chosen = 'gpus' in choice && choice.gpus !== 'all' ? choice.gpus.flatMap((index) => found[index] ?? []) : found
  if (chosen.length > 0) return chosen
  throw new VfioError('NOT_FOUND', `no parent of this host is ${inWords(choice)}`, { hint: 'vfioctl types' })
}

function fits(files: HostFiles, parent: string, choice: Exclude<ParentChoice, { names: readonly string[] }>): boolean {
  if ('from' in choice) return pciAddressOrNull(parent) === parent && choice.from <= parent && parent <= choice.to
  if ('anyWith' in choice) {
    return readMdevTypes(files, { parent }).types.some((type) => isTypeNamed(type, choice.anyWith))
  }
  const { vendor, device } = readIds(files, parent)
  if ('gpus' in choice) return vendor === nvidia && (choice.ids.length === 0 || choice.ids.includes(device ?? ''))
  return vendor === choice.vendor && (choice.device === null || device === choice.device)
}

/** Hex ids of a PCI parent; null for what is no PCI device. */
function readIds(files: HostFiles, parent: string): { vendor: string | null; device: string | null } {
  const read = (name: string) => {
    try {
      return files.read(`/sys/bus/pci/devices/${parent}/${name}`).trim().replace(/^0x/, '')
    } catch (error) {
      if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
      throw error
    }
  }
  return { vendor: read('vendor'), device: read('device') }
}

function inWords(choice: ParentChoice): string {
  if ('from' in choice) return `between ${choice.from} and ${choice.to}`
  if ('anyWith' in choice) return `one that offers ${choice.anyWith}`
  if ('vendor' in choice)
    return `of vendor ${choice.vendor}${choice.device === null ? '' : `, device ${choice.device}`}`
  if ('gpus' in choice)
    return `GPU ${choice.gpus === 'all' ? 'of NVIDIA' : choice.gpus.join(', ')} with mediated devices`
  return choice.names.join(', ')
}
