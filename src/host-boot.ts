import { calledLater, checkCanChange } from './host-call.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { BootChange, BootOptions, BootRequest } from './lifecycle/boot/install.ts'
import type { KeptForBoot } from './lifecycle/boot/kept.ts'
import type { BootStatus } from './lifecycle/boot/status.ts'

const installing = () => import('./lifecycle/boot/install.ts')

/** The next boots of a host, `host.boot`: what runs at them, and what is kept for them. */
export class HostBoot {
  readonly #kernel: Kernel

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /**
   * Writes the systemd units and the udev rule that run `vfioctl restore` at boot and for cards that come later.
   * PERMISSION_DENIED or INVALID_ARGUMENT for a program that root cannot rely on; ALREADY_EXISTS if a file of somebody
   * else's is in the way, and then nothing is written.
   */
  async install(request: BootRequest): Promise<BootChange> {
    return calledLater('boot.install', [request], async () => {
      checkCanChange(this.#kernel, 'boot.install')
      return (await installing()).installBoot(this.#kernel, request)
    })
  }

  /** Deletes what `install` writes. Files of somebody else's at those places are left, and named. */
  async remove(options: BootOptions = {}): Promise<BootChange> {
    return calledLater('boot.remove', [options], async () => {
      checkCanChange(this.#kernel, 'boot.remove')
      return (await installing()).removeBoot(this.#kernel, options)
    })
  }

  /**
   * The files that `install` writes, and which of them are there; the devices that are bound early, and which images of
   * the initramfs have the rule for that, which takes seconds for each.
   */
  async status(): Promise<BootStatus> {
    return calledLater('boot.status', [], async () => {
      return (await import('./lifecycle/boot/status.ts')).bootStatus(this.#kernel)
    })
  }

  /**
   * Lists what is kept for the next boots, of all devices or of one, which need not be there: drivers, numbers of
   * virtual functions, virtual devices and owners of nodes, each with the command that forgets it.
   */
  async kept(device?: string): Promise<KeptForBoot> {
    return calledLater('boot.kept', [device], async () => {
      const { listKeptForBoot } = await import('./lifecycle/boot/kept.ts')
      return listKeptForBoot(this.#kernel.files, device)
    })
  }
}
