/**
 * vfioctl: virtual devices and VFIO on a Linux host.
 *
 * `openHost()` is where everything starts: what a machine's cards offer, its mediated devices, and opened devices with
 * their regions and interrupts. `vfioctl/mock` has the simulated kernel that takes the machine's place in tests.
 */
import './platform-types.ts'

export { type ErrorCode, type Fact, VfioError } from './base/errors.ts'
export { type PciAddress, parseUuid, type Uuid } from './base/units.ts'
export type { DeviceType } from './host/device-types.ts'
export type { DeviceUser } from './host/device-users.ts'
export type { FoundGroups, GroupDevice, GroupFilter, IommuGroup } from './host/iommu-groups.ts'
export type { MdevType, TypeFilter } from './host/mdev-types.ts'
export type { PhysicalFunction } from './host/sriov.ts'
export type { TypeDetails } from './host/type-details.ts'
export type { VgpuType } from './host/vgpu-types.ts'
export type { VirtualMachine } from './host/virtual-machine.ts'
export type { Warning } from './host/warning.ts'
export { Host, type HostOptions, openHost } from './host.ts'
export type { Accessors, Kernel } from './kernel/kernel.ts'
export type { BindRequest } from './lifecycle/bindings/bind.ts'
export type { BindingChange, BindingOptions, BindingRequest } from './lifecycle/bindings/binding-change.ts'
export type { Change, ChangeOptions, Step } from './lifecycle/change.ts'
export type { Attribute, Definition, StartMode } from './lifecycle/definition/definition.ts'
export type { DeviceIdentity, VirtualDevice } from './lifecycle/device/virtual-device.ts'
export type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from './lifecycle/device-verbs.ts'
export type { Kept } from './lifecycle/kept.ts'
export type { DeviceFilter } from './lifecycle/list.ts'
export type { Restored, RestoreRequest, RestoreResult } from './lifecycle/restore/restore.ts'
export type { SriovChange, SriovRequest } from './lifecycle/sriov/set-functions.ts'
export type { ChangeKind, HostChange } from './lifecycle/watch/host-change.ts'
export type { DeviceFeatureName } from './uapi/device-feature.ts'
export type { AddressSpace, DmaAccess, IommuMode, IovaRange, MapRequest } from './vfio/address-space/address-space.ts'
export type { MemlockLimit } from './vfio/address-space/memlock-limit.ts'
export type { AddressSpaceOptions } from './vfio/address-space/open-address-space.ts'
export type { Device, DeviceAddressSpace, OpenDeviceOptions } from './vfio/device.ts'
export type { AllocateOptions, Dma, DmaOptions, MapOptions } from './vfio/dma/dma.ts'
export type { DmaBuffer } from './vfio/dma/dma-buffer.ts'
export type {
  Display,
  Dmabuf,
  DmabufPlane,
  Plane,
  PlaneKind,
  PlaneType,
  RegionPlane,
} from './vfio/features/display.ts'
export type { Edid } from './vfio/features/edid.ts'
export type { DeviceFeatures, FeatureCall, FeatureOperation } from './vfio/features/features.ts'
export type { LowPower, LowPowerOptions } from './vfio/features/low-power.ts'
export type { Migration, MigrationState, RestoreOptions, SaveOptions } from './vfio/features/migration.ts'
export type { MigrationData, PreCopyInfo } from './vfio/features/migration-data.ts'
export type { Irq } from './vfio/irq/irq.ts'
export type { EnabledIrq } from './vfio/irq/irq-enabled.ts'
export type { IrqEvent } from './vfio/irq/irq-waiters.ts'
export type { ConfigSpace, PciCapability } from './vfio/pci/config-space.ts'
export type { AffectedDevice } from './vfio/pci/hot-reset.ts'
export type { PciFunction } from './vfio/pci/pci-function.ts'
export type { Ioeventfd, IoeventfdRequest, IoeventfdWrite } from './vfio/region/ioeventfd.ts'
export type { MappedRegion } from './vfio/region/mapped-region.ts'
export type { Region } from './vfio/region/region.ts'
export type { RegionAccess } from './vfio/region/region-access.ts'
export { type RegisterBlock, type RegisterSpec, registerBlock } from './vfio/registers/register-block.ts'
export type {
  ReadableRegister,
  ReadWriteRegister,
  RegisterArray,
  Registers,
  WritableRegister,
} from './vfio/registers/registers.ts'
