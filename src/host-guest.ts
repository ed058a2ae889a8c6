import { calledLater, checkCanChange } from './host-call.ts'
import type { Kernel } from './kernel/kernel.ts'
import type { Attached, AttachRequest } from './lifecycle/guest/attach.ts'
import type { CdiResult } from './lifecycle/guest/cdi-spec.ts'
import type { LibvirtOptions, LibvirtXml } from './lifecycle/guest/libvirt-xml.ts'
import type { OpeningOptions } from './lifecycle/guest/not-ready.ts'
import type { QemuArguments, QemuOptions } from './lifecycle/guest/qemu-arguments.ts'

/**
 * A host's devices on their way to a guest, `host.guest`. Each is named in any form that `host.openDevice` takes, and
 * `3b:00.*` is all functions of a device. INVALID_ARGUMENT if none is named, NOT_FOUND for one that is not there, and
 * NOT_SUPPORTED for one that QEMU has no device for. What is not ready for a guest is a warning.
 */
export class HostGuest {
  readonly #kernel: Kernel

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  /** QEMU's arguments that give a guest these devices. */
  async qemuArguments(devices: readonly string[], options?: QemuOptions): Promise<QemuArguments> {
    return calledLater('guest.qemuArguments', [devices, options], async () => {
      const { qemuArguments } = await import('./lifecycle/guest/qemu-arguments.ts')
      return qemuArguments(this.#kernel.files, devices, options)
    })
  }

  /** The `<hostdev>` elements that give a domain of libvirt's these devices. */
  async libvirtXml(devices: readonly string[], options?: LibvirtOptions): Promise<LibvirtXml> {
    return calledLater('guest.libvirtXml', [devices, options], async () => {
      const { libvirtXml } = await import('./lifecycle/guest/libvirt-xml.ts')
      return libvirtXml(this.#kernel.files, devices, options)
    })
  }

  /**
   * Attaches devices to a domain of libvirt's by virsh, one after the other. NOT_SUPPORTED if there is no virsh;
   * TIMED_OUT, and SYSTEM_CALL_FAILED with its words if it fails: what was attached before stays, and is in the facts.
   */
  async attachToDomain(devices: readonly string[], request: AttachRequest): Promise<Attached> {
    return calledLater('guest.attachToDomain', [devices, request], async () => {
      checkCanChange(this.#kernel, 'guest.attachToDomain')
      const { attachToDomain } = await import('./lifecycle/guest/attach.ts')
      return attachToDomain(this.#kernel, devices, request)
    })
  }

  /**
   * The spec by which container runtimes (CDI) give a container the nodes of these devices. NOT_FOUND if one has none
   * yet.
   */
  async cdiSpec(devices: readonly string[], options?: OpeningOptions): Promise<CdiResult> {
    return calledLater('guest.cdiSpec', [devices, options], async () => {
      const { cdiSpec } = await import('./lifecycle/guest/cdi-spec.ts')
      return cdiSpec(this.#kernel.files, devices, options)
    })
  }
}
