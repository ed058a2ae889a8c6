import { asVfioError, VfioError } from './base/errors.ts'
import { checkHost } from './host/check-host.ts'
import { type FoundGroups, type GroupFilter, readIommuGroups } from './host/iommu-groups.ts'
import { type PhysicalFunction, readPhysicalFunctions } from './host/sriov.ts'
import { findVfioDevice } from './host/vfio-device.ts'
import type { Warning } from './host/warning.ts'
import { checkArguments, type HostCall } from './host-arguments.ts'
import type { Kernel } from './kernel/kernel.ts'
import { openLinux } from './kernel/linux.ts'
import { traced } from './kernel/trace/traced-kernel.ts'
import { type BindRequest, bind } from './lifecycle/bindings/bind.ts'
import type { BindingChange, BindingOptions, BindingRequest } from './lifecycle/bindings/binding-change.ts'
import { release } from './lifecycle/bindings/release.ts'
import { listKeptForBoot } from './lifecycle/boot/kept.ts'
import type { Change, ChangeOptions } from './lifecycle/change/change.ts'
import type { DeviceType, TypeFilter } from './lifecycle/device/device-type.ts'
import type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from './lifecycle/device/requests.ts'
import type { VirtualDevice } from './lifecycle/device/virtual-device.ts'
import type { Kept } from './lifecycle/device/virtual-device-kind.ts'
import { readDeviceTypes } from './lifecycle/kinds/device-types.ts'
import { defineDevice, modifyDevice, startDevice, stopDevice, undefineDevice } from './lifecycle/kinds/device-verbs.ts'
import { type DeviceFilter, list } from './lifecycle/kinds/list.ts'
import { type Applied, type ApplyOptions, applyPlan } from './lifecycle/plan/apply.ts'
import { type PlanOptions, planSpec, type SpecSource } from './lifecycle/plan/plan-spec.ts'
import { type Restored, type RestoreRequest, restore } from './lifecycle/restore/restore.ts'
import { setVirtualFunctions } from './lifecycle/sriov/set-functions.ts'
import type { SriovChange, SriovRequest } from './lifecycle/sriov/sriov-change.ts'
import type { Plan } from './lifecycle/wanted/plan.ts'
import type { HostChange } from './lifecycle/watch/host-change.ts'
import { watchHost } from './lifecycle/watch/watch-host.ts'
import { createMockKernel } from './mock/kernel/mock-kernel.ts'
import type { Scenario } from './mock/scenario/scenario.ts'
import { loadScenario } from './mock/shipped/load-scenario.ts'
import type { DeviceAddressSpace } from './vfio/address-space/attachment.ts'
import { closeInOrder } from './vfio/calls/close-in-order.ts'
import { type Device, type OpenDeviceOptions, openDevice } from './vfio/device.ts'
import { type AddressSpaceOptions, openAddressSpace } from './vfio/iommu/open-address-space.ts'

/** Which host `openHost` opens; this one if empty. */
export interface HostOptions {
  /** The folder of the host's files, instead of `/`. */
  readonly root?: string
  /**
   * A simulated host instead of this one, in memory and gone with the process: the name of a scenario that ships ('demo',
   * 'gpu-host', 'a40-host', 'mainframe'), the file of one, or one itself.
   */
  readonly mock?: string | Scenario
}

/** A resource that the host closes with itself. */
interface Opened {
  readonly closed: boolean
  close(): void
}

/** This machine, or with `mock` a simulated one: NOT_FOUND or INVALID_DEFINITION where there is none to be had. */
export function openHost(options: HostOptions = {}): Host {
  return told('openHost', [options], () => {
    const { mock } = options
    if (mock !== undefined) {
      return new Host(traced(createMockKernel(typeof mock === 'string' ? loadScenario(mock) : mock)))
    }
    const { root } = options
    const kernel = traced(openLinux(root === undefined ? {} : { root }))
    checkHost(kernel.files, root ?? null)
    return new Host(kernel)
  })
}

/** Runs a method on arguments that are checked first. What fails is told in one way, whatever it was. */
function told<T>(call: HostCall, given: readonly unknown[], work: () => T): T {
  checkArguments(call, given)
  return asOurs(work)
}

async function toldLater<T>(call: HostCall, given: readonly unknown[], work: () => Promise<T>): Promise<T> {
  checkArguments(call, given)
  try {
    return await work()
  } catch (error) {
    throw asVfioError(error)
  }
}

/** The same for what changes the host, which does nothing where it was aborted before it is asked. */
function changing<T>(
  call: HostCall,
  [request, options]: readonly [unknown, Pick<ChangeOptions, 'signal'> | undefined],
  work: () => Promise<T>,
): Promise<T> {
  return toldLater(call, [request, options], async () => {
    if (options?.signal?.aborted === true)
      throw new VfioError('INTERRUPTED', `${call}: interrupted before it was begun`)
    return work()
  })
}

function asOurs<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw asVfioError(error)
  }
}

/**
 * A machine with VFIO: what its cards offer, its virtual devices, and the devices that are opened on it. Closing it, or
 * `await using`, closes what was opened and forgotten.
 */
export class Host implements AsyncDisposable {
  readonly kernel: Kernel
  readonly #opened = new Set<Opened>()
  readonly #plans = new WeakSet<Plan>()
  /** Ends what waits for this host. */
  readonly #closing = new AbortController()

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  /** The types that parents offer. What cannot be read is a warning, and the rest goes on. */
  types(filter?: TypeFilter): { types: DeviceType[]; warnings: Warning[] } {
    return told('types', [filter], () => readDeviceTypes(this.kernel.files, filter))
  }

  /** The IOMMU groups, by their numbers: VFIO takes those that are viable, as a whole. */
  groups(filter?: GroupFilter): FoundGroups {
    return told('groups', [filter], () => readIommuGroups(this.kernel.files, filter))
  }

  /** The devices that run and those that are defined, together. */
  list(filter?: DeviceFilter): { devices: VirtualDevice[]; warnings: Warning[] } {
    return told('list', [filter], () => list(this.kernel.files, filter))
  }

  /** The settings kept for the next boots, of all devices or of one, which need not be there. */
  kept(device?: string): { kept: Kept[]; warnings: Warning[] } {
    return told('kept', [device], () => listKeptForBoot(this.kernel.files, device))
  }

  async define(request: DefineRequest, options?: ChangeOptions): Promise<Change> {
    return changing('define', [request, options], () => defineDevice(this.kernel, request, options))
  }

  async undefine(choice: DeviceChoice, options?: ChangeOptions): Promise<readonly Change[]> {
    return changing('undefine', [choice, options], () => undefineDevice(this.kernel, choice, options))
  }

  async modify(request: ModifyRequest, options?: ChangeOptions): Promise<Change> {
    return changing('modify', [request, options], () => modifyDevice(this.kernel, request, options))
  }

  async start(request: StartRequest, options?: ChangeOptions): Promise<Change> {
    return changing('start', [request, options], () => startDevice(this.kernel, request, options))
  }

  async stop(choice: DeviceChoice, options?: ChangeOptions): Promise<Change> {
    return changing('stop', [choice, options], () => stopDevice(this.kernel, choice, options))
  }

  /** Gives a device to a driver: VFIO's on its bus, as vfio-pci, unless another is named. */
  async bind(request: BindRequest, options?: BindingOptions): Promise<readonly BindingChange[]> {
    return changing('bind', [request, options], () => bind(this.kernel, request, options))
  }

  /** Gives a device back to the driver that knows it. */
  async release(request: BindingRequest, options?: BindingOptions): Promise<readonly BindingChange[]> {
    return changing('release', [request, options], () => release(this.kernel, request, options))
  }

  /**
   * Starts what is defined to start by itself, waiting for parents that are not there yet. What fails does not stop the
   * rest: each has its own result.
   */
  async restore(request?: RestoreRequest): Promise<Restored> {
    return toldLater('restore', [request], () => restore(this.kernel, request))
  }

  /** The plan of what would make this host as a spec says. Changes nothing. INVALID_SPEC if the spec is wrong. */
  plan(spec: SpecSource, options?: PlanOptions): Plan {
    return told('plan', [spec, options], () => {
      const plan = planSpec(this.kernel, spec, options)
      this.#plans.add(plan)
      return plan
    })
  }

  /**
   * Carries out a plan that `plan` of this host made, which takes away what `losses(plan)` lists. What is in use is DEVICE_BUSY,
   * and what has no room NO_INSTANCE_LEFT, before anything is done; what fails later is in the answer, and taken back.
   */
  async apply(plan: Plan, options?: ApplyOptions): Promise<Applied> {
    return changing('apply', [plan, options], () => {
      if (!this.#plans.has(plan)) {
        throw new VfioError('INVALID_ARGUMENT', 'apply takes what plan of the same host has answered, as it is')
      }
      return applyPlan(this.kernel, plan, options)
    })
  }

  /** Physical functions that can have virtual ones (SR-IOV), and those that they have. */
  physicalFunctions(): { functions: PhysicalFunction[]; warnings: Warning[] } {
    return asOurs(() => readPhysicalFunctions(this.kernel.files))
  }

  /** Gives a device that many virtual functions, waits until they are there, and keeps the number for every boot. */
  async setVirtualFunctions(request: SriovRequest, options?: ChangeOptions): Promise<SriovChange> {
    return changing('setVirtualFunctions', [request, options], () => setVirtualFunctions(this.kernel, request, options))
  }

  /**
   * What is on this host, then what appears, changes and goes, one after the other: devices that run, definitions, types
   * and how many more of them can be made. It goes on until the loop is left or `signal` is aborted, which rejects with
   * its reason. CLOSED where the host is closed meanwhile.
   */
  watch(options: { readonly signal?: AbortSignal } = {}): AsyncIterableIterator<HostChange> {
    checkArguments('watch', [options])
    const { signal } = options
    const signals = signal === undefined ? [] : [signal]
    return watchHost(this.kernel, AbortSignal.any([...signals, this.#closing.signal]))
  }

  /**
   * Opens a device by any form of its name: an mdev's UUID, a PCI address, a node in /dev/vfio, a path in /sys. The
   * options say how its addresses are translated, and with which devices it shares them; `device.iommuMode` is what was
   * chosen. The caller closes it, or the host does.
   */
  async openDevice(device: string, options?: OpenDeviceOptions): Promise<Device> {
    return told('openDevice', [device, options], () => {
      return this.#keep(openDevice(this.kernel, findVfioDevice(this.kernel.files, device), options))
    })
  }

  /** An address space for several devices to share. The caller closes it, or the host does, with the devices in it. */
  openAddressSpace(options?: AddressSpaceOptions): DeviceAddressSpace {
    return told('openAddressSpace', [options], () => this.#keep(openAddressSpace(this.kernel, options)))
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
