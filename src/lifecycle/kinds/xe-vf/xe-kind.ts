import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, parsePciAddress, pciAddressOrNull } from '../../../base/units.ts'
import { checkOnPciBus } from '../../../host/pci-bus.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { formatShares, sharesOrNull } from '../../device/gpu-shares.ts'
import type { VirtualDeviceKind } from '../../device/virtual-device-kind.ts'
import { settingsPath } from '../../settings/settings.ts'
import { keptFunctions } from '../card-function/kept-functions.ts'
import { functionsWithoutVram, sharesBeforeFunctions, storedShares } from './before-functions.ts'
import { listXe } from './list-xe.ts'
import { isGiven, readShares } from './read-shares.ts'
import { cardOfFunction, functionsOf, xeCard, xeCards } from './xe-cards.ts'
import { xeDefinitions } from './xe-definitions.ts'
import { readXeTypes, shareType } from './xe-types.ts'

/**
 * Shares of Intel's GPUs with the driver xe (Arc Pro, Panther Lake): a virtual function that has VRAM and time of its
 * card, named by its PCI address. Which driver has it is a binding's matter.
 */
export const xeKind: VirtualDeviceKind = {
  kind: 'xe-vf',
  takesName: (name) => pciAddressOrNull(name) !== null,
  claims(files, name) {
    const address = pciAddressOrNull(name)
    return address !== null && (isXePlace(files, address) || files.kind(xeDefinitions.settings.path(address)) !== null)
  },
  plural: 'shares of GPUs',
  parents: (files) => xeCards(files).map(({ address }) => address),
  claimsParent: isXePlace,
  placesOn: (files, card) => (xeCard(files, card) === null ? [] : functionsOf(files, card)),
  hasType: (files, card, name) => xeCard(files, card) !== null && (name === shareType || sharesOrNull(name) !== null),
  types: (files, filter) => ({ ...readXeTypes(files, filter), unsupported: null }),
  list: (files, name) => listXe(files, name === undefined ? undefined : (pciAddressOrNull(name) ?? undefined)),
  // a share is no use of a function: who has it open is
  usesOf: () => [],
  keptForBoot: (files) => keptFunctions(files, 'xe-vf', xeDefinitions, stateOf),
  definitionFolder: settingsPath,
  notThere(files, name) {
    const address = parsePciAddress(name)
    checkOnPciBus(files, address)
    if (xeCard(files, address) !== null) {
      return new VfioError('NOT_FOUND', `${address} is a card: its virtual functions have the shares`, {
        hint: `vfioctl list -p ${address}; vfioctl sriov ${address}`,
        facts: { device: address },
      })
    }
    return new VfioError('NOT_FOUND', `${address} has no share of its card, and none is defined`, {
      hint: `vfioctl start ${address} --vram SIZE; vfioctl types -v`,
      facts: { device: address },
    })
  },
  missingOn: () => null,
  hasShares: true,
  writesBeforeFunctions: (files, card, count) => sharesBeforeFunctions(files, card, count, storedShares(files)),
  withoutPart: (files, card, count) => functionsWithoutVram(files, card, count, storedShares(files)),
  verbs: async () => (await import('./xe-verbs.ts')).xeVerbs,
}

function isXePlace(files: HostFiles, parent: string): boolean {
  const address = pciAddressOrNull(parent)
  return address !== null && (xeCard(files, address) !== null || cardOfFunction(files, address) !== null)
}

function stateOf(files: HostFiles, address: PciAddress): string {
  const card = physicalFunctionOf(files, address) === null ? null : cardOfFunction(files, address)
  if (card === null) return 'function not there'
  const shares = readShares(files, card, address)
  return isGiven(shares) ? `has ${formatShares(shares)}` : 'has no share'
}
