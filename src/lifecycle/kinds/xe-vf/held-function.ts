import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { findDeviceNode } from '../../../host/device-node.ts'
import { boundDriver, iommuGroup } from '../../../host/group-members.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { HeldDevice } from '../../device/device-lock.ts'

/** The function as a device that nobody may have open. */
export function heldFunction(files: HostFiles, address: PciAddress): HeldDevice {
  const group = iommuGroup(files, pciPath(address))
  const node = group === null ? null : `/dev/vfio/${group}`
  return {
    name: address,
    node: node === null || files.kind(node) === null ? null : node,
    deviceNode: findDeviceNode(files, { group, name: address })?.path ?? null,
    attempt: `cannot change the VRAM of ${address}`,
  }
}

/** DEVICE_BUSY if a driver of the host has the function: the firmware changes no VRAM of it then. */
export function checkNotWithHost(files: HostFiles, address: PciAddress): void {
  const driver = boundDriver(files, `${pciPath(address)}/driver`)
  if (driver === null || driver.includes('vfio')) return
  throw new VfioError('DEVICE_BUSY', `cannot change the VRAM of ${address}: the host’s driver ${driver} uses it`, {
    hint: `vfioctl bind ${address} gives it to VFIO; vfioctl sriov CARD COUNT --autoprobe off keeps the host’s drivers away`,
    facts: { device: address, driver },
  })
}
