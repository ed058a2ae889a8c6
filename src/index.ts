/**
 * vfioctl: virtual devices and VFIO on a Linux host.
 *
 * `openHost()` is where everything starts: what a machine's cards offer, its mediated devices, and opened devices with
 * their regions and interrupts. `vfioctl/mock` has the simulated kernel that takes the machine's place in tests.
 */
import './platform-types.ts'

export { type ErrorCode, type ErrorDetails, type Fact, VfioError } from './base/errors.ts'
export { type PciAddress, parseUuid, type Uuid } from './base/units.ts'
export type { GimPartitions, GimProfile } from './host/amd-gim.ts'
export type { BusName } from './host/bus/bus.ts'
export type { DeviceUser } from './host/device-users.ts'
export type { GroupMember } from './host/group-members.ts'
export type { FoundGroups, GroupDevice, GroupFilter, IommuGroup } from './host/iommu-groups.ts'
export type { MemlockLimit } from './host/memlock-limit.ts'
export type { ResizableBar } from './host/pci-bars.ts'
export type { PciIds } from './host/pci-ids.ts'
export type { PciPower } from './host/pci-power.ts'
export type { PciNode } from './host/pci-tree.ts'
export type { PhysicalFunction, PhysicalFunctionFilter } from './host/sriov.ts'
export type { VfioPciDriver } from './host/variants/vfio-pci-drivers.ts'
export type { VirtualMachine } from './host/virtual-machine.ts'
export type { Warning } from './host/warning.ts'
export { Host } from './host.ts'
export type { HostBoot } from './host-boot.ts'
export type { Capture, CapturedScenario, CaptureRequest } from './host-capture.ts'
export type { HostGuest } from './host-guest.ts'
export type { DeviceInspection, InspectedAddressSpace } from './host-inspection.ts'
export type { HostPrograms } from './host-programs.ts'
export type { ProgramOptions } from './host-run.ts'
export type { Topology, TopologyDevice, TopologyRoot } from './host-topology.ts'
export type {
  Accessors,
  DeviceNumber,
  FileKind,
  FileOwner,
  HostFiles,
  IoctlPointer,
  Kernel,
  Mapping,
  MemoryOptions,
  MmapOptions,
  ProgramBeginning,
  ProgramEnd,
  ProgramRun,
  StartedProgram,
  Watch,
  WordWidth,
} from './kernel/kernel.ts'
export type { KernelLog, LogRecord } from './kernel/kernel-log.ts'
export type {
  RecordedCall,
  RecordedDevice,
  RecordedDeviceFile,
  RecordedError,
  RecordedFile,
  RecordedGap,
  RecordedHost,
} from './kernel/recording/recorded-host.ts'
export type { TracedCall } from './kernel/trace/trace.ts'
export type { Uevent } from './kernel/uevents.ts'
export type { Peer, Received, UnixSockets } from './kernel/unix-sockets.ts'
export type { BindingChange, BindingOptions, BindingRequest, BindRequest } from './lifecycle/bindings/binding-change.ts'
export type { Program } from './lifecycle/boot/boot-files.ts'
export type {
  BootChange,
  BootFileStatus,
  BootOptions,
  BootRequest,
  BootStep,
  RestoreStatus,
} from './lifecycle/boot/install.ts'
export type { KeptForBoot } from './lifecycle/boot/kept.ts'
export type { BootStatus } from './lifecycle/boot/status.ts'
export type { Change, ChangeOptions, Step } from './lifecycle/change/change.ts'
export type { DeviceIdentity } from './lifecycle/change/device-identity.ts'
export type { Attribute, Definition, StartMode } from './lifecycle/definition/definition.ts'
export type { DefinitionEdit } from './lifecycle/definition/edit-definition.ts'
export type { DeviceType, TypeDetails, TypeFilter } from './lifecycle/device/device-type.ts'
export type { GpuShares, SharePriority } from './lifecycle/device/gpu-shares.ts'
export type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from './lifecycle/device/requests.ts'
export type { Restorable } from './lifecycle/device/restore-task.ts'
export type { DeviceState, VirtualDevice } from './lifecycle/device/virtual-device.ts'
export type { Kept } from './lifecycle/device/virtual-device-kind.ts'
export type { Diagnosis } from './lifecycle/doctor/diagnose.ts'
export type { Evidence, Finding, Severity } from './lifecycle/doctor/reading/finding.ts'
export type { DoctorRequest } from './lifecycle/doctor/reading/host-reader.ts'
export type { ReportRequest } from './lifecycle/doctor/report.ts'
export type { EarlyDevice } from './lifecycle/early/early-rule.ts'
export type { EarlyImage, EarlyStatus } from './lifecycle/early/early-status.ts'
export type { ExportedSpec, ExportRequest } from './lifecycle/export/export-spec.ts'
export type { GpuInstance, GpuState } from './lifecycle/gpu-modes/gpu-state.ts'
export type { GpuModesChange, GpuModesNow, GpuModesRequest } from './lifecycle/gpu-modes/set-gpu-modes.ts'
export type { Attached, AttachRequest } from './lifecycle/guest/attach.ts'
export type { CdiContainerEdits, CdiDeviceNode, CdiResult, CdiSpec } from './lifecycle/guest/cdi-spec.ts'
export type { LibvirtHostdev, LibvirtOptions, LibvirtXml } from './lifecycle/guest/libvirt-xml.ts'
export type { OpeningOptions } from './lifecycle/guest/not-ready.ts'
export type { QemuArguments, QemuDescriptor, QemuOptions } from './lifecycle/guest/qemu-arguments.ts'
export type { QemuDisplayOptions, Resolution } from './lifecycle/guest/qemu-display.ts'
export type { QemuTopology } from './lifecycle/guest/qemu-topology.ts'
export type { FunctionIdentity } from './lifecycle/kinds/card-function/function-identity.ts'
export type { DeviceFilter } from './lifecycle/kinds/list.ts'
export type { MdevIdentity, PlannedMdev } from './lifecycle/kinds/mdev/mdev-identity.ts'
export type { MdevType } from './lifecycle/kinds/mdev/mdev-types.ts'
export type { PlannedVgpu, VgpuIdentity } from './lifecycle/kinds/nvidia-vgpu/vgpu-identity.ts'
export type { VgpuType } from './lifecycle/kinds/nvidia-vgpu/vgpu-types.ts'
export type { PlannedXe, XeIdentity } from './lifecycle/kinds/xe-vf/xe-identity.ts'
export type { Applied, ApplyOptions } from './lifecycle/plan/apply.ts'
export type { PlanOptions, SpecSource } from './lifecycle/plan/plan-spec.ts'
export type {
  Recovery,
  RecoveryAttempt,
  RecoveryOptions,
  RecoveryRequest,
  RecoveryStep,
} from './lifecycle/recovery/recovery.ts'
export type { Restored, RestoreRequest, RestoreResult } from './lifecycle/restore/restore.ts'
export type { GpuModes, MigInstances } from './lifecycle/settings/gpu-modes.ts'
export type { NodeOwner } from './lifecycle/settings/node-owners.ts'
export type { PciSettings, PciSettingsWish } from './lifecycle/settings/pci-settings.ts'
export type { SpecCheck, SpecFault } from './lifecycle/spec/check-spec.ts'
export { checkSpec } from './lifecycle/spec/check-spec.ts'
export type {
  BindingEntry,
  DeviceEntry,
  DevicesNamed,
  FunctionsNamed,
  OwnerEntry,
  ParentEntry,
  SpecFile,
  SriovEntry,
} from './lifecycle/spec/spec-file.ts'
export type { GimLineChange, GimLineRequest } from './lifecycle/sriov/gim-line.ts'
export type { SriovChange, SriovRequest } from './lifecycle/sriov/sriov-change.ts'
export type { Place } from './lifecycle/wanted/invalid-spec.ts'
export type {
  NoRoom,
  Plan,
  PlanItem,
  PlannedBinding,
  PlannedChange,
  PlannedDevice,
  PlannedGpuModes,
  PlannedSriov,
  Running,
  Verb as Move,
} from './lifecycle/wanted/plan.ts'
export { isPlannedDevice, losses } from './lifecycle/wanted/plan.ts'
export type { ChangeKind, HostChange } from './lifecycle/watch/host-change.ts'
export type { KernelVersion, PageSize } from './mock/base/kernel-traits.ts'
export type {
  Scenario,
  ScenarioAp,
  ScenarioAttribute,
  ScenarioFramebuffer,
  ScenarioGim,
  ScenarioGimProfile,
  ScenarioIds,
  ScenarioMdevType,
  ScenarioMig,
  ScenarioMigProfile,
  ScenarioModel,
  ScenarioParent,
  ScenarioPciDevice,
  ScenarioPciFunction,
  ScenarioPlatformDevice,
  ScenarioSriov,
  ScenarioSubchannel,
  ScenarioVariantDriver,
  ScenarioVgpus,
  ScenarioVgpuType,
  ScenarioXe,
} from './mock/scenario/scenario.ts'
export { type HostOptions, openHost } from './open-host.ts'
export type { ChannelFlags } from './uapi/ccw/bits.ts'
export type { ChannelReport } from './uapi/ccw/channel-report.ts'
export type { InterruptionResponse } from './uapi/ccw/interruption-response.ts'
export type { ChannelPath, SubchannelInformation } from './uapi/ccw/subchannel-information.ts'
export type { SubchannelStatus } from './uapi/ccw/subchannel-status.ts'
export type { DeviceCapability, DeviceFlags, DeviceInfo } from './uapi/device.ts'
export type { DeviceFeatureName } from './uapi/features.ts'
export type { IrqFlags, IrqInfo } from './uapi/irq.ts'
export type { CapabilityName, ExtendedCapabilityName } from './uapi/pci.ts'
export type { RegionCapability, RegionFlags, SparseArea } from './uapi/region.ts'
export type {
  AddressSpace,
  AddressSpaceInfo,
  DmaAccess,
  IommuMode,
  IovaRange,
  MapRequest,
} from './vfio/address-space/address-space.ts'
export type { DeviceFeatures, FeatureCall, FeatureOperation } from './vfio/calls/device-features.ts'
export type { Reason, Reasons } from './vfio/calls/system-call.ts'
export { type ChannelCommand, channelProgram } from './vfio/ccw/channel-program.ts'
export type { ProgramStart, Subchannel } from './vfio/ccw/subchannel.ts'
export type { AccessControl, AccessControlService } from './vfio/config-space/access-control.ts'
export type { ConfigSpace, PciCapability } from './vfio/config-space/config-space.ts'
export type { DecodedCapability, DecodedFields, PciCapabilityName } from './vfio/config-space/pci-capability.ts'
export type {
  AsText,
  DescribedCapability,
  DescribedDevice,
  DescribedIrq,
  DescribedRegion,
} from './vfio/describe-device.ts'
export type { Device, DeviceAddressSpace, OpenDeviceOptions } from './vfio/device.ts'
export type { AllocateOptions, BufferOptions, Dma, DmaOptions, MapOptions } from './vfio/dma/dma.ts'
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
export type { LowPower, LowPowerOptions } from './vfio/features/low-power.ts'
export type { Migration, MigrationState, RestoreOptions, SaveOptions } from './vfio/features/migration.ts'
export type { MigrationData, PreCopyInfo } from './vfio/features/migration-data.ts'
export type { Screenshot } from './vfio/features/screenshot.ts'
export type { AddressSpaceOptions } from './vfio/iommu/open-address-space.ts'
export type { PassedDescriptors } from './vfio/iommu/passed-descriptors.ts'
export { passedDescriptors } from './vfio/iommu/passed-environment.ts'
export type { EnableOptions, Irq } from './vfio/irq/irq.ts'
export type { EnabledIrq, NamedIrq } from './vfio/irq/irq-enabled.ts'
export type { IrqEvents } from './vfio/irq/irq-events.ts'
export type { RequestedVector } from './vfio/irq/irq-request.ts'
export type { IrqEvent } from './vfio/irq/irq-waiters.ts'
export type { EventsOptions, WaitOptions, WaitSyncOptions } from './vfio/irq/irq-waiting.ts'
export type { Irqs } from './vfio/irq/irqs.ts'
export type { AffectedDevice } from './vfio/pci/hot-reset.ts'
export type { PciFunction } from './vfio/pci/pci-function.ts'
export type { PassedNodes } from './vfio/program/open-for-program.ts'
export type { RunEnd, RunOptions } from './vfio/program/run-program.ts'
export type { Served, ServeOptions } from './vfio/program/serve-devices.ts'
export type { Ioeventfd, IoeventfdRequest, IoeventfdWrite } from './vfio/region/ioeventfd.ts'
export type { MappedRegion } from './vfio/region/mapped-region.ts'
export type { Region } from './vfio/region/region.ts'
export type { DeviceRegion, RegionAccess } from './vfio/region/region-access.ts'
export type { Area } from './vfio/region/region-areas.ts'
export type { Regions } from './vfio/region/regions.ts'
export {
  type RegisterBlock,
  type RegisterForm,
  type RegisterSpec,
  type RegisterSpecs,
  registerBlock,
} from './vfio/registers/register-block.ts'
export type { RegisterField, RegisterFieldBits } from './vfio/registers/register-fields.ts'
export type {
  ReadableRegister,
  ReadWriteRegister,
  RegisterArray,
  RegisterFieldValues,
  RegisterOf,
  Registers,
  RegisterValue,
  SingleRegister,
  WritableRegister,
} from './vfio/registers/registers.ts'
