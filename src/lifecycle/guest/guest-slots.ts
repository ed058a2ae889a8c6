import { pciAddressOrNull } from '../../base/units.ts'
import { pciAddresses } from '../../host/pci-bus.ts'
import { physicalFunctionOf } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { GuestDevice } from './guest-device.ts'

/** Devices that share a slot of the guest's bus: one, or all functions of a device, function 0 first. */
export type GuestSlot = readonly [GuestDevice, ...GuestDevice[]]

/**
 * The devices by the slots that they get. The functions of a device stay together if the guest gets all of them;
 * virtual functions are devices of their own, though their addresses may look like functions of their card.
 */
export function guestSlots(files: HostFiles, devices: readonly GuestDevice[]): GuestSlot[] {
  const wholes = new Map<string, GuestDevice[]>()
  for (const device of devices) {
    const slot = slotOf(files, device)
    if (slot !== null) wholes.set(slot, [...(wholes.get(slot) ?? []), device])
  }
  for (const [slot, its] of wholes) if (!isWhole(files, slot, its)) wholes.delete(slot)
  const placed = new Set<GuestDevice>()
  return devices.flatMap((device): GuestSlot[] => {
    if (placed.has(device)) return []
    const slot = slotOf(files, device)
    const together = (slot === null ? undefined : wholes.get(slot)) ?? [device]
    for (const it of together) placed.add(it)
    const [first = device, ...others] = together.toSorted((a, b) => (a.name < b.name ? -1 : 1))
    return [[first, ...others]]
  })
}

/** '0000:81:00.' of a physical function; null for what is none. */
function slotOf(files: HostFiles, { bus, name }: GuestDevice): string | null {
  const address = bus === 'pci' ? pciAddressOrNull(name) : null
  return address === null || physicalFunctionOf(files, address) !== null ? null : address.slice(0, -1)
}

function isWhole(files: HostFiles, slot: string, its: readonly GuestDevice[]): boolean {
  const functions = pciAddresses(files).filter((address) => {
    return address.startsWith(slot) && physicalFunctionOf(files, address) === null
  })
  return functions.length > 1 && functions.length === its.length && functions[0] === `${slot}0`
}
