import { calledLater } from './host-call.ts'
import type { ProgramOptions } from './host-run.ts'
import type { Kernel } from './kernel/kernel.ts'
import { deviceToOpen } from './lifecycle/kinds/device-to-open.ts'
import type { PassedDescriptors } from './vfio/iommu/passed-descriptors.ts'
import type { RunEnd } from './vfio/program/run-program.ts'
import type { ServeOptions } from './vfio/program/serve-devices.ts'

/**
 * A host's devices in the hands of other programs, `host.programs`: descriptors that are opened here and used there, so
 * that the other program needs no rights on any node. CLOSED if the host is closed.
 */
export class HostPrograms {
  readonly #kernel: Kernel
  /** Aborted, with the error to throw, once the host is closed. */
  readonly #closing: AbortSignal

  constructor(kernel: Kernel, closing: AbortSignal) {
    this.#kernel = kernel
    this.#closing = closing
  }

  /**
   * Runs a program to its end with devices that are opened for it: it has this process's stdin, stdout and stderr, and
   * the descriptors whose numbers `passedDescriptors()` tells it. In its command, the word '{qemu}' stands for QEMU's
   * arguments for them. As root, all its privileges are dropped. It gets the SIGINT, SIGTERM and SIGHUP that this
   * process gets. Throws as `openDevice` does if a device cannot be opened, NOT_SUPPORTED on a simulated host or
   * without util-linux's setpriv and prlimit.
   */
  async run(devices: readonly string[], options: ProgramOptions): Promise<RunEnd> {
    return calledLater('programs.run', [devices, options], async () => {
      const { runWithDevices } = await import('./host-run.ts')
      this.#closing.throwIfAborted()
      return runWithDevices(this.#kernel, devices, options)
    })
  }

  /**
   * Hands devices to programs that were not started by this process: whoever connects to the Unix socket, and is the
   * user, gets descriptors that are opened for it, as `receiveDescriptors` takes them. Each holds its devices until it
   * closes them: the next is told that they are in use. Goes on until `signal` is aborted, and removes the socket. On a
   * simulated host, only its own process can connect.
   */
  async serveDevices(devices: readonly string[], options: ServeOptions): Promise<void> {
    return calledLater('programs.serveDevices', [devices, options], async () => {
      const { serveDevices } = await import('./vfio/program/serve-devices.ts')
      this.#closing.throwIfAborted()
      const signals = options.signal === undefined ? [] : [options.signal]
      const signal = AbortSignal.any([...signals, this.#closing])
      const found = devices.map((device) => deviceToOpen(this.#kernel.files, device))
      return serveDevices(this.#kernel, found, { ...options, signal })
    })
  }

  /**
   * Descriptors of devices from the socket of `vfioctl run --socket` or `serveDevices`, for
   * `openDevice(device, { passed })`. Those that no device takes over stay open, with this process. NOT_FOUND if nobody
   * listens there, PERMISSION_DENIED if they are another user's, DEVICE_BUSY with the reason if they cannot be opened,
   * TIMED_OUT after a minute.
   */
  async receiveDescriptors(socket: string): Promise<PassedDescriptors> {
    return calledLater('programs.receiveDescriptors', [socket], async () => {
      const { receiveDescriptors } = await import('./vfio/program/receive-descriptors.ts')
      this.#closing.throwIfAborted()
      return receiveDescriptors(this.#kernel, socket)
    })
  }
}
