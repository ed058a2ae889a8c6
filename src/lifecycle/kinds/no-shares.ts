import { pciAddressOrNull } from '../../base/units.ts'
import { boundDriver } from '../../host/group-members.ts'
import { checkOnPciBus } from '../../host/pci-bus.ts'
import { pciPath } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { kinds } from './kinds.ts'

/**
 * The reason why what has that name gives no shares of a GPU, as a sentence: what it makes in their place, or the
 * driver that it has. NOT_FOUND for a PCI device that is not there.
 */
export function noSharesReason(files: HostFiles, name: string): string {
  const address = pciAddressOrNull(name)
  const shown = address ?? name
  const other = kinds.find(
    (kind) => kind.claimsParent(files, shown) || (address !== null && kind.claims(files, address)),
  )
  const has = other === undefined ? driverInWords(files, shown) : `is for ${other.plural}`
  return `${shown} gives no shares of a GPU: it ${has}`
}

function driverInWords(files: HostFiles, name: string): string {
  const address = pciAddressOrNull(name)
  if (address === null) return 'makes no virtual devices'
  checkOnPciBus(files, address)
  const driver = boundDriver(files, `${pciPath(address)}/driver`)
  return driver === null ? 'has no driver' : `has the driver ${driver}, not xe`
}
