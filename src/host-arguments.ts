import * as v from 'valibot'
import { milliseconds as anyMilliseconds, signal as anySignal, checked, count, type Fields } from './base/arguments.ts'
import type { GroupFilter } from './host/iommu-groups.ts'
import type { PhysicalFunctionFilter } from './host/sriov.ts'
import type { CaptureRequest } from './host-capture.ts'
import type { ProgramOptions } from './host-run.ts'
import type { BindingOptions, BindingRequest, BindRequest } from './lifecycle/bindings/binding-change.ts'
import type { BootOptions, BootRequest } from './lifecycle/boot/install.ts'
import type { ChangeOptions } from './lifecycle/change/change.ts'
import type { TypeFilter } from './lifecycle/device/device-type.ts'
import { type GpuShares, sharePriorities } from './lifecycle/device/gpu-shares.ts'
import type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from './lifecycle/device/requests.ts'
import type { DoctorRequest } from './lifecycle/doctor/reading/host-reader.ts'
import type { ReportRequest } from './lifecycle/doctor/report.ts'
import type { ExportRequest } from './lifecycle/export/export-spec.ts'
import type { GpuModesRequest } from './lifecycle/gpu-modes/set-gpu-modes.ts'
import type { AttachRequest } from './lifecycle/guest/attach.ts'
import type { LibvirtOptions } from './lifecycle/guest/libvirt-xml.ts'
import type { OpeningOptions } from './lifecycle/guest/not-ready.ts'
import type { QemuOptions } from './lifecycle/guest/qemu-arguments.ts'
import type { Resolution } from './lifecycle/guest/qemu-display.ts'
import type { QemuTopology } from './lifecycle/guest/qemu-topology.ts'
import type { DeviceFilter } from './lifecycle/kinds/list.ts'
import type { ApplyOptions } from './lifecycle/plan/apply.ts'
import type { PlanOptions } from './lifecycle/plan/plan-spec.ts'
import type { RecoveryOptions, RecoveryRequest } from './lifecycle/recovery/recovery.ts'
import type { RestoreRequest } from './lifecycle/restore/restore.ts'
import type { MigInstances } from './lifecycle/settings/gpu-modes.ts'
import { migCount, migProfile } from './lifecycle/settings/gpu-modes-schema.ts'
import type { PciSettingsWish } from './lifecycle/settings/pci-settings.ts'
import { pciWishFields } from './lifecycle/settings/pci-settings-schema.ts'
import type { GimLineRequest } from './lifecycle/sriov/gim-line.ts'
import type { SriovRequest } from './lifecycle/sriov/sriov-change.ts'
import type { IommuMode } from './vfio/address-space/address-space.ts'
import { openSpace } from './vfio/address-space/open-space.ts'
import type { OpenDeviceOptions } from './vfio/device.ts'
import type { AddressSpaceOptions } from './vfio/iommu/open-address-space.ts'
import type { PassedDescriptors } from './vfio/iommu/passed-descriptors.ts'
import type { ServeOptions } from './vfio/program/serve-devices.ts'

/** Checks the arguments of a host's methods as their types say: JavaScript, or a file, may hand over anything. */

/** By name, what is checked. */
export type HostCall =
  | 'openHost'
  | 'define'
  | 'start'
  | 'stop'
  | 'undefine'
  | 'modify'
  | 'bind'
  | 'doctor'
  | 'report'
  | 'capture'
  | 'release'
  | 'setVirtualFunctions'
  | 'writeGimLine'
  | 'gpuModes'
  | 'setGpuModes'
  | 'forgetGpuModes'
  | 'restore'
  | 'physicalFunctions'
  | 'boot.install'
  | 'boot.remove'
  | 'boot.status'
  | 'boot.kept'
  | 'guest.qemuArguments'
  | 'guest.libvirtXml'
  | 'guest.attachToDomain'
  | 'guest.cdiSpec'
  | 'programs.run'
  | 'programs.serveDevices'
  | 'programs.receiveDescriptors'
  | 'types'
  | 'groups'
  | 'topology'
  | 'list'
  | 'plan'
  | 'export'
  | 'apply'
  | 'watch'
  | 'openDevice'
  | 'openAddressSpace'
  | 'inspect'
  | 'recover'

const text = v.optional(v.string())
const user = v.optional(v.pipe(v.string(), v.nonEmpty()))
const texts = v.array(v.string())
const flag = v.optional(v.boolean())
const whole = v.optional(v.pipe(v.number(), v.safeInteger()))
const atLeastOne = v.optional(v.pipe(v.number(), v.safeInteger(), v.minValue(1)))
const milliseconds = v.optional(anyMilliseconds)
const callback = v.optional(v.function())
const signal = v.optional(anySignal)
const start = v.optional(v.picklist(['auto', 'manual']))
const attribute = { name: v.string(), value: v.string() }
const attributes = v.optional(v.array(v.object(attribute)))

/** These fields and no others: a name that is misspelt would be passed over. */
function fields<T>(entries: Fields<T>): v.GenericSchema<unknown, unknown> {
  return v.strictObject(entries)
}

/** These fields, and any others: an object of `list` fits, which has more. */
function listed<T>(entries: Fields<T>): v.GenericSchema<unknown, unknown> {
  return v.object(entries)
}

const groupFilter = fields<GroupFilter>({ number: v.optional(count), device: text })
const changing = { dryRun: flag, signal, onMessage: callback }
const changeOptions = fields<ChangeOptions>({ ...changing, force: flag })
const bindingOptions = fields<BindingOptions>({ ...changing, force: flag })
const shares = v.optional(
  fields<Partial<GpuShares>>({
    vram: v.optional(count),
    quantumMs: v.optional(count),
    timeoutUs: v.optional(count),
    priority: v.optional(v.picklist(sharePriorities)),
  }),
)
const made = { name: text, parent: text, exactParent: flag, type: text, shares, start, attributes }
const chosen = { name: v.string(), parent: text }
const binding = { device: v.union([v.string(), v.array(v.string())]), group: flag }
const settings = v.optional(
  fields<PciSettingsWish>({
    power: v.optional(pciWishFields.power),
    d3cold: v.optional(pciWishFields.d3cold),
    resetMethods: v.optional(pciWishFields.resetMethods),
    bars: v.optional(pciWishFields.bars),
  }),
)
const iommu = v.optional(
  v.picklist(['type1', 'type1v2', 'compat-type1', 'compat-type1v2', 'iommufd', 'noiommu'] satisfies IommuMode[]),
)

const hostdevs = { iommufd: flag, display: flag }
const pixels = v.pipe(v.number(), v.safeInteger(), v.minValue(1), v.maxValue(0xffff))

const nodes = v.optional(v.picklist(['iommufd', 'group']))
const topology = v.optional(v.picklist(['ports', 'flat', 'bridge', 'bridge-per-group'] satisfies QemuTopology[]))
const socketPath = v.pipe(v.string(), v.regex(/^\/[^\0]*$/, 'must be an absolute path'))

const descriptor = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const passed = fields<PassedDescriptors>({
  iommufd: v.optional(descriptor),
  devices: v.optional(v.record(v.string(), descriptor)),
  container: v.optional(descriptor),
  groups: v.optional(v.record(v.string(), descriptor)),
})

const asked = {
  devices: v.optional(v.array(v.string())),
  user,
  unit: text,
  guestMemory: atLeastOne,
  deviceCount: atLeastOne,
  viommu: flag,
}

// Made as they are asked for: all of them took a fiftieth of the start of `list`.
const requests: Readonly<Record<HostCall, () => readonly v.GenericSchema<unknown, unknown>[]>> = {
  openHost: () => [
    v.optional(v.strictObject({ root: text, mock: v.optional(v.union([v.string(), v.looseObject({})])) })),
  ],
  define: () => [listed<DefineRequest>({ ...made, force: flag }), changeOptions],
  start: () => [listed<StartRequest>(made), changeOptions],
  stop: () => [listed<DeviceChoice>(chosen), changeOptions],
  undefine: () => [listed<DeviceChoice>(chosen), changeOptions],
  modify: () => [
    listed<ModifyRequest>({
      ...chosen,
      type: text,
      shares,
      start,
      attributes,
      addAttribute: v.optional(v.strictObject({ ...attribute, index: whole })),
      removeAttribute: v.optional(v.strictObject({ index: whole })),
      force: flag,
    }),
    changeOptions,
  ],
  bind: () => [
    fields<BindRequest>({
      ...binding,
      driver: text,
      transient: flag,
      early: flag,
      nextBoot: flag,
      releaseFramebuffer: flag,
      settings,
    }),
    bindingOptions,
  ],
  release: () => [fields<BindingRequest>(binding), bindingOptions],
  doctor: () => [v.optional(fields<DoctorRequest>(asked))],
  capture: () => [v.optional(fields<CaptureRequest>({ devices: v.optional(texts), redact: flag, program: text }))],
  report: () => [v.optional(fields<ReportRequest>({ ...asked, program: text }))],
  setVirtualFunctions: () => [
    fields<SriovRequest>({
      device: v.string(),
      count: v.union([v.literal('all'), v.pipe(v.number(), v.safeInteger())]),
      autoprobe: flag,
      transient: flag,
      timeoutMs: milliseconds,
    }),
    changeOptions,
  ],
  writeGimLine: () => [
    fields<GimLineRequest>({
      device: v.string(),
      count: v.union([v.literal('all'), v.pipe(v.number(), v.safeInteger())]),
    }),
    changeOptions,
  ],
  gpuModes: () => [v.string()],
  setGpuModes: () => [
    fields<GpuModesRequest>({
      device: v.string(),
      heterogeneous: flag,
      mig: v.optional(v.array(fields<MigInstances>({ profile: migProfile, count: migCount }))),
    }),
    changeOptions,
  ],
  forgetGpuModes: () => [v.string(), changeOptions],
  recover: () => [
    fields<RecoveryRequest>({ device: v.string() }),
    fields<RecoveryOptions>({ ...changing, force: flag }),
  ],
  restore: () => [
    v.optional(
      fields<RestoreRequest>({
        ...changing,
        parent: text,
        timeoutMs: milliseconds,
        onResult: callback,
        onWaiting: callback,
      }),
    ),
  ],
  physicalFunctions: () => [v.optional(fields<PhysicalFunctionFilter>({ device: text }))],
  'boot.install': () => [fields<BootRequest>({ program: v.array(v.string()), live: flag, dryRun: flag })],
  'boot.remove': () => [v.optional(fields<BootOptions>({ live: flag, dryRun: flag }))],
  'boot.status': () => [],
  'boot.kept': () => [text],
  'guest.qemuArguments': () => [
    texts,
    v.optional(
      fields<QemuOptions>({
        ...hostdevs,
        topology,
        resolution: v.optional(fields<Resolution>({ width: pixels, height: pixels })),
        firstDescriptor: v.optional(v.pipe(count, v.maxValue(0xffff))),
      }),
    ),
  ],
  'guest.libvirtXml': () => [texts, v.optional(fields<LibvirtOptions>(hostdevs))],
  'guest.attachToDomain': () => [
    texts,
    fields<AttachRequest>({ ...hostdevs, domain: v.string(), live: flag, config: flag, dryRun: flag }),
  ],
  'guest.cdiSpec': () => [texts, v.optional(fields<OpeningOptions>({ iommufd: flag }))],
  types: () => [v.optional(fields<TypeFilter>({ parent: text, type: text }))],
  groups: () => [v.optional(groupFilter)],
  topology: () => [v.optional(groupFilter)],
  list: () => [v.optional(fields<DeviceFilter>({ name: text, parent: text, type: text, active: flag, defined: flag }))],
  plan: () => [v.union([v.string(), v.looseObject({})]), v.optional(fields<PlanOptions>({ path: text, config: text }))],
  export: () => [v.optional(fields<ExportRequest>({ only: v.optional(texts), adopt: flag }))],
  apply: () => [
    v.looseObject({}),
    v.optional(fields<ApplyOptions>({ ...changing, force: flag, keepGoing: flag, onProgress: callback })),
  ],
  watch: () => [v.optional(fields<{ signal?: AbortSignal; parent?: string }>({ signal, parent: text }))],
  openDevice: () => [
    v.string(),
    v.optional(
      fields<OpenDeviceOptions>({
        iommu,
        addressSpace: v.optional(openSpace),
        vfToken: text,
        addressBits: whole,
        passed: v.optional(passed),
      }),
    ),
  ],
  'programs.run': () => [
    v.pipe(v.array(v.string()), v.minLength(1, 'must name a device')),
    fields<ProgramOptions>({
      command: v.pipe(
        v.array(
          v.pipe(
            v.string(),
            v.check((it) => !it.includes('\0'), 'must have no NUL'),
          ),
        ),
        v.minLength(1, 'must be a program'),
      ),
      user,
      nodes,
      memlock: v.optional(v.union([v.literal('unlimited'), descriptor])),
      topology,
    }),
  ],
  'programs.serveDevices': () => [
    v.pipe(v.array(v.string()), v.minLength(1, 'must name a device')),
    fields<ServeOptions>({ socket: socketPath, user, nodes, signal, onServed: callback }),
  ],
  'programs.receiveDescriptors': () => [socketPath],
  inspect: () => [v.string()],
  openAddressSpace: () => [v.optional(fields<AddressSpaceOptions>({ iommu }))],
}

/** Throws INVALID_ARGUMENT, with the place, for what a method's types do not allow. */
export function checkArguments(call: HostCall, given: readonly unknown[]): void {
  const schemas = requests[call]()
  for (const [index, schema] of schemas.entries()) {
    const isLast = index === schemas.length - 1
    const what = index === 0 ? 'its argument' : 'its options'
    checked(call, isLast ? v.optional(schema) : schema, given[index], what)
  }
}
