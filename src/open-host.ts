import { VfioError } from './errors.ts'
import { findMdevDevice } from './host/mdev-devices.ts'
import { type MdevType, readMdevTypes, type TypeFilter } from './host/mdev-types.ts'
import type { Warning } from './host/warning.ts'
import type { Kernel } from './kernel/kernel.ts'
import { openLinux } from './kernel/linux.ts'
import type { Change, ChangeOptions } from './lifecycle/change.ts'
import { type DefineRequest, define } from './lifecycle/define.ts'
import type { DeviceChoice } from './lifecycle/device-choice.ts'
import { type DeviceFilter, list } from './lifecycle/list.ts'
import { type ModifyRequest, modify } from './lifecycle/modify.ts'
import { type StartRequest, start } from './lifecycle/start.ts'
import { stop } from './lifecycle/stop.ts'
import { undefine } from './lifecycle/undefine.ts'
import type { VirtualDevice } from './lifecycle/virtual-device.ts'
import { createMockKernel } from './mock/mock-kernel.ts'
import { parseUuid } from './units.ts'
import { closeInOrder } from './vfio/close-in-order.ts'
import { type Device, openDevice } from './vfio/device.ts'

export interface HostOptions {
  /** Where the host's files stand, instead of `/`. */
  readonly root?: string
  /** A simulated host instead of this one: 'demo', in memory, gone with the process. */
  readonly mock?: 'demo'
}

/** This machine, or with `mock` a simulated one. */
export function openHost(options: HostOptions = {}): Host {
  if (options.mock !== undefined) return new Host(createMockKernel(options.mock))
  return new Host(openLinux(options.root === undefined ? {} : { root: options.root }))
}

/**
 * A machine with VFIO: what its cards offer, its virtual devices, and the devices that are opened on it. Disposing it
 * closes what was opened and forgotten.
 */
export class Host implements AsyncDisposable {
  readonly kernel: Kernel
  readonly #opened = new Set<Device>()

  constructor(kernel: Kernel) {
    this.kernel = kernel
  }

  /** The types that parents offer. What cannot be read is a warning, and the rest goes on. */
  types(filter?: TypeFilter): { types: MdevType[]; warnings: Warning[] } {
    return readMdevTypes(this.kernel.files, filter)
  }

  /** What runs and what is defined, told together. */
  list(filter?: DeviceFilter): { devices: VirtualDevice[]; warnings: Warning[] } {
    return list(this.kernel.files, filter)
  }

  define(request: DefineRequest, options?: ChangeOptions): Promise<Change> {
    return define(this.kernel, request, options)
  }

  undefine(choice: DeviceChoice, options?: ChangeOptions): Promise<readonly Change[]> {
    return undefine(this.kernel, choice, options)
  }

  modify(request: ModifyRequest, options?: ChangeOptions): Promise<Change> {
    return modify(this.kernel, request, options)
  }

  start(request: StartRequest, options?: ChangeOptions): Promise<Change> {
    return start(this.kernel, request, options)
  }

  stop(choice: DeviceChoice, options?: ChangeOptions): Promise<Change> {
    return stop(this.kernel, choice, options)
  }

  /** Opens a running device through its IOMMU group and a type1 container. The caller closes it, or the host does. */
  async openDevice(uuid: string): Promise<Device> {
    const name = parseUuid(uuid)
    const running = findMdevDevice(this.kernel.files, name)
    if (running === null) {
      throw new VfioError('NOT_FOUND', `cannot open ${name}: it does not run`, { hint: `vfioctl start ${name}` })
    }
    if (running.group === null) {
      throw new VfioError('NOT_SUPPORTED', `cannot open ${name}: no VFIO driver has it, so it is in no IOMMU group`, {
        hint: 'modprobe vfio_mdev (kernels before 5.16), and dmesg | tail',
      })
    }
    for (const device of this.#opened) if (device.closed) this.#opened.delete(device)
    const device = openDevice(this.kernel, { group: running.group, name })
    this.#opened.add(device)
    return device
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = [...this.#opened]
    this.#opened.clear()
    closeInOrder([...opened, { close: () => this.kernel.dispose() }])
  }
}
