import { parsePciAddress, pciAddressOrNull } from '../../base/units.ts'
import { groupMembers } from '../../host/group-members.ts'
import { type PciBinding, readPciBinding } from '../../host/pci-binding.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** The devices, or with `group` every endpoint of their IOMMU groups, each once: bridges stay with the host. */
export function members(files: HostFiles, device: string | readonly string[], group: boolean): PciBinding[] {
  const found = [device].flat().flatMap((one) => withGroup(files, one, group))
  return [...new Map(found.map((binding) => [binding.address, binding])).values()]
}

function withGroup(files: HostFiles, device: string, group: boolean): PciBinding[] {
  const its = readPciBinding(files, parsePciAddress(device))
  if (!group || its.group === null) return [its]
  return groupMembers(files, its.group)
    .flatMap(({ name }) => pciAddressOrNull(name) ?? [])
    .map((address) => readPciBinding(files, address))
    .filter(({ isBridge }) => !isBridge)
}
