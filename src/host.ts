import { VfioError } from './base/errors.ts'
import { parsePciAddress } from './base/units.ts'
import { type FoundGroups, type GroupFilter, readIommuGroups } from './host/iommu-groups.ts'
import { type PhysicalFunction, type PhysicalFunctionFilter, readPhysicalFunctions } from './host/sriov.ts'
import type { Warning } from './host/warning.ts'
import { checkArguments } from './host-arguments.ts'
import { HostBoot } from './host-boot.ts'
import { called, calledLater, changing, checkCanChange } from './host-call.ts'
import type { Capture, CaptureRequest } from './host-capture.ts'
import { HostGuest } from './host-guest.ts'
import type { DeviceInspection } from './host-inspection.ts'
import { HostPrograms } from './host-programs.ts'
import type { Topology } from './host-topology.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { BindingChange, BindingOptions, BindingRequest, BindRequest } from './lifecycle/bindings/binding-change.ts'
import type { Change, ChangeOptions } from './lifecycle/change/change.ts'
import type { DeviceType, TypeFilter } from './lifecycle/device/device-type.ts'
import type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from './lifecycle/device/requests.ts'
import type { VirtualDevice } from './lifecycle/device/virtual-device.ts'
import type { Diagnosis } from './lifecycle/doctor/diagnose.ts'
import type { DoctorRequest } from './lifecycle/doctor/reading/host-reader.ts'
import type { ReportRequest } from './lifecycle/doctor/report.ts'
import type { ExportedSpec, ExportRequest } from './lifecycle/export/export-spec.ts'
import type { GpuModesChange, GpuModesNow, GpuModesRequest } from './lifecycle/gpu-modes/set-gpu-modes.ts'
import { deviceToOpen } from './lifecycle/kinds/device-to-open.ts'
import { readDeviceTypes } from './lifecycle/kinds/device-types.ts'
import { type DeviceFilter, list } from './lifecycle/kinds/list.ts'
import type { Applied, ApplyOptions } from './lifecycle/plan/apply.ts'
import type { PlanOptions, SpecSource } from './lifecycle/plan/plan-spec.ts'
import type { Recovery, RecoveryOptions, RecoveryRequest } from './lifecycle/recovery/recovery.ts'
import type { Restored, RestoreRequest } from './lifecycle/restore/restore.ts'
import type { GimLineChange, GimLineRequest } from './lifecycle/sriov/gim-line.ts'
import type { SriovChange, SriovRequest } from './lifecycle/sriov/sriov-change.ts'
import type { Plan } from './lifecycle/wanted/plan.ts'
import type { HostChange } from './lifecycle/watch/host-change.ts'
import type { DeviceAddressSpace } from './vfio/address-space/attachment.ts'
import { closeInOrder } from './vfio/calls/close-in-order.ts'
import type { Device, OpenDeviceOptions } from './vfio/device.ts'
import type { AddressSpaceOptions } from './vfio/iommu/open-address-space.ts'

/** A resource that the host closes with itself. */
interface Opened {
  readonly closed: boolean
  close(): void
}

// Loaded when it is first asked for: a program that lists devices loads nothing that starts them.
const verbs = () => import('./lifecycle/kinds/device-verbs.ts')

/**
 * A machine with VFIO: what its cards offer, its virtual devices, and the devices that are opened on it. Closing it, or
 * `await using`, closes what was opened and forgotten.
 */
export class Host implements AsyncDisposable {
  readonly kernel: Kernel
  /** Its next boots: what runs at them, and what is kept for them. */
  readonly boot: HostBoot
  /** Its devices on their way to a guest: QEMU's arguments, libvirt's XML, a spec for containers. */
  readonly guest: HostGuest
  /** Its devices in the hands of other programs, by descriptors: one that is run with them, or that asks for them. */
  readonly programs: HostPrograms
  readonly #opened = new Set<Opened>()
  readonly #plans = new WeakSet<Plan>()
  /** Ends what waits for this host. */
  readonly #closing = new AbortController()

  constructor(kernel: Kernel) {
    this.kernel = kernel
    this.boot = new HostBoot(kernel)
    this.guest = new HostGuest(kernel)
    this.programs = new HostPrograms(kernel, this.#closing.signal)
  }

  /** The types that parents offer. What cannot be read is a warning, and the rest goes on. */
  types(filter?: TypeFilter): { types: DeviceType[]; warnings: Warning[] } {
    return called('types', [filter], () => readDeviceTypes(this.kernel.files, filter))
  }

  /** The IOMMU groups, by their numbers: VFIO takes those that are viable, as a whole. */
  groups(filter?: GroupFilter): FoundGroups {
    return called('groups', [filter], () => readIommuGroups(this.kernel.files, filter))
  }

  /**
   * The PCI devices below their bridges, each with its IOMMU group, driver, resets and ACS, and the groups of other
   * buses. A filter leaves the devices of the groups that it names, and the bridges above them.
   */
  async topology(filter?: GroupFilter): Promise<Topology> {
    return calledLater('topology', [filter], async () => {
      const { readTopology } = await import('./host-topology.ts')
      return readTopology(this.kernel, filter)
    })
  }

  /** The devices that run and those that are defined, together. */
  list(filter?: DeviceFilter): { devices: VirtualDevice[]; warnings: Warning[] } {
    return called('list', [filter], () => list(this.kernel.files, filter))
  }

  /** Keeps the definition of a device, in mdevctl’s format: a new one, or a running device as it is. */
  async define(request: DefineRequest, options?: ChangeOptions): Promise<Change> {
    return changing(this.kernel, 'define', [request, options], async () =>
      (await verbs()).defineDevice(this.kernel, request, options),
    )
  }

  /** Forgets the definitions that a choice stands for. A running device goes on. */
  async undefine(choice: DeviceChoice, options?: ChangeOptions): Promise<readonly Change[]> {
    return changing(this.kernel, 'undefine', [choice, options], async () =>
      (await verbs()).undefineDevice(this.kernel, choice, options),
    )
  }

  /** Changes a definition. A running device goes on as it is. */
  async modify(request: ModifyRequest, options?: ChangeOptions): Promise<Change> {
    return changing(this.kernel, 'modify', [request, options], async () =>
      (await verbs()).modifyDevice(this.kernel, request, options),
    )
  }

  /** Starts a defined device, or a new one of a type on a parent. `name` in the answer is what it is called. */
  async start(request: StartRequest, options?: ChangeOptions): Promise<Change> {
    return changing(this.kernel, 'start', [request, options], async () =>
      (await verbs()).startDevice(this.kernel, request, options),
    )
  }

  /** Stops a running device. DEVICE_BUSY, with who, while a process has it open. */
  async stop(choice: DeviceChoice, options?: ChangeOptions): Promise<Change> {
    return changing(this.kernel, 'stop', [choice, options], async () =>
      (await verbs()).stopDevice(this.kernel, choice, options),
    )
  }

  /** Gives a device to a driver: VFIO's best for it, such as vfio-pci, unless another is named. */
  async bind(request: BindRequest, options?: BindingOptions): Promise<readonly BindingChange[]> {
    return changing(this.kernel, 'bind', [request, options], async () => {
      const { bind } = await import('./lifecycle/bindings/bind.ts')
      return bind(this.kernel, request, options)
    })
  }

  /** Gives a device back to the driver that knows it. */
  async release(request: BindingRequest, options?: BindingOptions): Promise<readonly BindingChange[]> {
    return changing(this.kernel, 'release', [request, options], async () => {
      const { release } = await import('./lifecycle/bindings/release.ts')
      return release(this.kernel, request, options)
    })
  }

  /**
   * Looks at all that keeps VFIO from working here, or will, and says what mends it. Changes nothing. What may not be
   * read is in `unseen`, and the rest goes on. NOT_FOUND for a device or user that is not there.
   */
  async doctor(request?: DoctorRequest): Promise<Diagnosis> {
    return calledLater('doctor', [request], async () => {
      const { diagnose } = await import('./lifecycle/doctor/diagnose.ts')
      const { keptGpuStates } = await import('./lifecycle/doctor/reading/gpu-states.ts')
      return diagnose(this.kernel, request, await keptGpuStates(this.kernel))
    })
  }

  /**
   * This host for the report of a bug: what `doctor` finds, the kernel, groups, devices and types, as JSON. Names,
   * addresses and serial numbers that tell it from other hosts are numbered or left out.
   */
  async report(request?: ReportRequest): Promise<string> {
    return calledLater('report', [request], async () => {
      const { reportText } = await import('./lifecycle/doctor/report.ts')
      return reportText(this.kernel, request)
    })
  }

  /**
   * Records this host for `openHost({ mock })` and `--mock FILE`, so that whatever only reads gives the same answers
   * there, also to who has no such host. Changes nothing, and opens the devices that are named, if any. What may not be
   * read is in `unseen`, and the rest goes on. NOT_FOUND for a device that is not there.
   */
  async capture(request: CaptureRequest = {}): Promise<Capture> {
    return calledLater('capture', [request], async () => {
      const { captureHost } = await import('./host-capture.ts')
      this.#checkOpen()
      return captureHost(this.kernel, request)
    })
  }

  /**
   * Brings a PCI device back that hangs: by one way after another, those that cost least first, until the device
   * answers. Each is told through `onMessage` before it is tried. DEVICE_BUSY, before anything is done, if somebody
   * uses it.
   */
  async recover(request: RecoveryRequest, options?: RecoveryOptions): Promise<Recovery> {
    return changing(this.kernel, 'recover', [request, options], async () => {
      const { recover } = await import('./lifecycle/recovery/recover.ts')
      return recover(this.kernel, request, options)
    })
  }

  /**
   * Starts what is defined to start by itself, waiting for parents that are not there yet. What fails does not stop the
   * rest: each has its own result.
   */
  async restore(request?: RestoreRequest): Promise<Restored> {
    return calledLater('restore', [request], async () => {
      checkCanChange(this.kernel, 'restore')
      const { restore } = await import('./lifecycle/restore/restore.ts')
      return restore(this.kernel, request)
    })
  }

  /** The plan of what would make this host as a spec says. Changes nothing. INVALID_SPEC if the spec is wrong. */
  async plan(spec: SpecSource, options?: PlanOptions): Promise<Plan> {
    return calledLater('plan', [spec, options], async () => {
      const { planSpec } = await import('./lifecycle/plan/plan-spec.ts')
      const plan = await planSpec(this.kernel, spec, options)
      this.#plans.add(plan)
      return plan
    })
  }

  /**
   * Carries out a plan that `plan` of this host made, which takes away what `losses(plan)` lists. What is in use is
   * DEVICE_BUSY, and what has no room NO_INSTANCE_LEFT, before anything is done; what fails later is in the answer, and
   * taken back. With `dryRun` that is all that it finds out, as before somebody is asked.
   */
  async apply(plan: Plan, options?: ApplyOptions): Promise<Applied> {
    return changing(this.kernel, 'apply', [plan, options], async () => {
      if (!this.#plans.has(plan)) {
        throw new VfioError('INVALID_ARGUMENT', 'apply takes what plan of the same host has answered, as it is')
      }
      const { applyPlan } = await import('./lifecycle/plan/apply.ts')
      return applyPlan(this.kernel, plan, options)
    })
  }

  /**
   * This host as a spec file: all that is kept, so that a plan of it has nothing to do here. NOT_FOUND for a parent
   * that is not there.
   */
  async export(request?: ExportRequest): Promise<ExportedSpec> {
    return calledLater('export', [request], async () => {
      const { exportSpec } = await import('./lifecycle/export/export-spec.ts')
      return exportSpec(this.kernel.files, request)
    })
  }

  /**
   * Physical functions that can have virtual ones (SR-IOV), and those that they have. Of a device that is named,
   * NOT_FOUND if it is not there, and NOT_SUPPORTED if it can have none.
   */
  physicalFunctions(filter?: PhysicalFunctionFilter): { functions: PhysicalFunction[]; warnings: Warning[] } {
    return called('physicalFunctions', [filter], () => readPhysicalFunctions(this.kernel.files, filter))
  }

  /** Gives a device that many virtual functions, waits until they are there, and keeps the number for every boot. */
  async setVirtualFunctions(request: SriovRequest, options?: ChangeOptions): Promise<SriovChange> {
    return changing(this.kernel, 'setVirtualFunctions', [request, options], async () => {
      const { setFunctionsWithModes } = await import('./lifecycle/gpu-modes/functions-with-modes.ts')
      return setFunctionsWithModes(this.kernel, request, options)
    })
  }

  /**
   * Writes the line of modprobe by which AMD's gim makes a GPU's virtual functions as it is loaded; takes it out for 0.
   */
  async writeGimLine(request: GimLineRequest, options?: ChangeOptions): Promise<GimLineChange> {
    return changing(this.kernel, 'writeGimLine', [request, options], async () => {
      const { writeGimLine } = await import('./lifecycle/sriov/gim-line.ts')
      return writeGimLine(this.kernel, request, options)
    })
  }

  /**
   * Modes of a GPU of NVIDIA's that decide which vGPUs it takes, as its nvidia-smi tells them, and those that are kept.
   */
  async gpuModes(device: string): Promise<GpuModesNow> {
    return calledLater('gpuModes', [device], async () => {
      const { readGpuModes } = await import('./lifecycle/gpu-modes/set-gpu-modes.ts')
      return readGpuModes(this.kernel, device)
    })
  }

  /**
   * Sets modes of a GPU of NVIDIA's, and makes its virtual functions if it needs them: now, and at every boot.
   * DEVICE_BUSY, before anything is done, if a vGPU runs on it or somebody has one of its functions. What fails is
   * taken back.
   */
  async setGpuModes(request: GpuModesRequest, options?: ChangeOptions): Promise<GpuModesChange> {
    return changing(this.kernel, 'setGpuModes', [request, options], async () => {
      const { setGpuModes } = await import('./lifecycle/gpu-modes/set-gpu-modes.ts')
      return setGpuModes(this.kernel, request, options)
    })
  }

  /** Forgets the modes that are kept for a GPU, which may be gone; those that it has stay until its next boot. */
  async forgetGpuModes(device: string, options?: ChangeOptions): Promise<GpuModesChange> {
    return changing(this.kernel, 'forgetGpuModes', [device, options], async () => {
      const { forgetGpuModes } = await import('./lifecycle/gpu-modes/set-gpu-modes.ts')
      return forgetGpuModes(this.kernel, parsePciAddress(device), options)
    })
  }

  /**
   * Tells what is on this host, then what appears, changes and goes, one after the other: devices that run,
   * definitions, types and how many more of them can be made. It goes on until the loop is left or `signal` is aborted,
   * which rejects with its reason. A `parent` leaves what is of it, and of its virtual functions if it is a card.
   * CLOSED if the host is closed meanwhile.
   */
  watch(options: { readonly signal?: AbortSignal; readonly parent?: string } = {}): AsyncIterableIterator<HostChange> {
    checkArguments('watch', [options])
    const { signal, ...filter } = options
    const signals = signal === undefined ? [] : [signal]
    return watching(this.kernel, filter, AbortSignal.any([...signals, this.#closing.signal]))
  }

  /**
   * Opens a device by any form of its name: an mdev's UUID, a PCI address, a node in /dev/vfio, a path in /sys. The
   * options say how its addresses are translated, and with which devices it shares them; `device.iommuMode` is what was
   * chosen. The caller closes it, or the host does.
   */
  async openDevice(device: string, options?: OpenDeviceOptions): Promise<Device> {
    return calledLater('openDevice', [device, options], async () => {
      const { openDevice } = await import('./vfio/device.ts')
      this.#checkOpen()
      return this.#keep(openDevice(this.kernel, deviceToOpen(this.kernel.files, device), options))
    })
  }

  /** An address space for several devices to share. The caller closes it, or the host does, with the devices in it. */
  async openAddressSpace(options?: AddressSpaceOptions): Promise<DeviceAddressSpace> {
    return calledLater('openAddressSpace', [options], async () => {
      const { openAddressSpace } = await import('./vfio/iommu/open-address-space.ts')
      this.#checkOpen()
      return this.#keep(openAddressSpace(this.kernel, options))
    })
  }

  /**
   * Opens a device, looks at all that VFIO tells of it, and closes it: its regions, interrupts, capabilities,
   * configuration space and address ranges, with its group and, of a virtual device, what it is. Throws as `openDevice`
   * does.
   */
  async inspect(device: string): Promise<DeviceInspection> {
    return calledLater('inspect', [device], async () => {
      const { inspectDevice } = await import('./host-inspection.ts')
      this.#checkOpen()
      return inspectDevice(this.kernel, device)
    })
  }

  /** Throws CLOSED if the host is closed: it may have been while the call's modules were loaded. */
  #checkOpen(): void {
    this.#closing.signal.throwIfAborted()
  }

  #keep<T extends Opened>(opened: T): T {
    for (const earlier of this.#opened) if (earlier.closed) this.#opened.delete(earlier)
    this.#opened.add(opened)
    return opened
  }

  /** Closes what was opened and forgotten, and ends what waits for this host. Twice is once. */
  async close(): Promise<void> {
    this.#closing.abort(new VfioError('CLOSED', 'the host is closed'))
    const opened = [...this.#opened]
    this.#opened.clear()
    closeInOrder([...opened.reverse(), { close: () => this.kernel.dispose() }])
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

async function* watching(
  kernel: Kernel,
  filter: { readonly parent?: string },
  signal: AbortSignal,
): AsyncGenerator<HostChange, never, undefined> {
  const { watchHost } = await import('./lifecycle/watch/watch-host.ts')
  return yield* watchHost(kernel, { ...filter, signal })
}
