import { VfioError } from '../../errors.ts'
import { mdevParents, readMdevTypes } from '../../host/mdev-types.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { findParent, isTypeNamed } from '../type-choice.ts'
import { fitsPci, pciChoiceInWords } from './choose-pci.ts'
import type { ParentChoice } from './spec.ts'

const nvidia = '0x10de'

/** The parents of this host that a choice stands for, in the bus's order. NOT_FOUND where there is none. */
export function chooseParents(files: HostFiles, choice: ParentChoice): string[] {
  if ('names' in choice) return choice.names.map((name) => findParent(files, name))
  const found = (mdevParents(files) ?? []).filter((parent) => fits(files, parent, choice))
  const chosen = 'gpus' in choice && choice.gpus !== 'all' ? choice.gpus.flatMap((index) => found[index] ?? []) : found
  if (chosen.length > 0) return chosen
  throw new VfioError('NOT_FOUND', `no parent of this host is ${inWords(choice)}`, { hint: 'vfioctl types' })
}

function fits(files: HostFiles, parent: string, choice: Exclude<ParentChoice, { names: readonly string[] }>): boolean {
  if ('anyWith' in choice) {
    return readMdevTypes(files, { parent }).types.some((type) => isTypeNamed(type, choice.anyWith))
  }
  if (!('gpus' in choice)) return fitsPci(files, parent, choice)
  const { vendor, device } = readPciIds(files, parent, [])
  return vendor === nvidia && (choice.ids.length === 0 || choice.ids.includes(device?.slice(2) ?? ''))
}

function inWords(choice: ParentChoice): string {
  if ('anyWith' in choice) return `one that offers ${choice.anyWith}`
  if (!('gpus' in choice)) return pciChoiceInWords(choice)
  return `GPU ${choice.gpus === 'all' ? 'of NVIDIA' : choice.gpus.join(', ')} with mediated devices`
}
