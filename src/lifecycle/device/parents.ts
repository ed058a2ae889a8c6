import { VfioError } from '../../base/errors.ts'
import { pciAddressOrNull, printable } from '../../base/units.ts'
import { nearestNames } from '../../host/nearest-name.ts'
import { functionAddresses, physicalFunctionOf, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { didYouMean } from './type-named.ts'

/** A parent's name as the kernel has it: a PCI address in its long form, whichever was given. */
export function parentName(given: string): string {
  return pciAddressOrNull(given) ?? given
}

/** The device whose virtual function a parent is; itself if it is none. */
export function cardOf(files: HostFiles, parent: string): string {
  const address = pciAddressOrNull(parent)
  return (address === null ? null : physicalFunctionOf(files, address)) ?? parent
}

/** True if a parent is meant by a name: by its own, or by that of the card whose function it is or will be. */
export function parentMatcher(files: HostFiles, name: string): (parent: string) => boolean {
  const known = parentName(name)
  const address = pciAddressOrNull(name)
  const card = address === null ? null : readPhysicalFunction(files, address)
  const meant = new Set<string>([known])
  if (card !== null) {
    for (const it of [...card.functions, ...functionAddresses(files, card.address, card.total)]) meant.add(it)
  }
  return (parent) => meant.has(parent)
}

/** NOT_FOUND for a name that no parent of such devices has ('mediated devices'), with the nearest that they have. */
export function noSuchParent(name: string, parents: readonly string[], devices: string): VfioError {
  const nearest = nearestNames(name, parents)
  return new VfioError('NOT_FOUND', `no parent '${printable(name)}' offers ${devices}${didYouMean(nearest)}`, {
    hint: parents.length === 0 ? 'no card offers any: is its driver loaded?' : 'vfioctl types',
    facts: { parent: name, nearest },
  })
}
