import { Errno } from '../base/errno.ts'
import type { BoundDevice } from '../iommufd/bound-device.ts'
import type { Iommufd } from '../iommufd/iommufd.ts'
import type { Machine, OpenedDevice } from '../machine/machine.ts'
import { bindDevice } from './bind-device.ts'
import { Container } from './container.ts'
import { OpenDevice } from './open-device.ts'
import type { VfioDevice, VfioGroup } from './vfio-groups.ts'

/** The devices that were opened through one group file, in a container or an iommufd. */
export class GroupDevices {
  readonly #machine: Machine
  readonly #open = new Set<string>()
  readonly #onClosed: () => void

  /** `onClosed`: after a device is closed. */
  constructor(machine: Machine, onClosed: () => void) {
    this.#machine = machine
    this.#onClosed = onClosed
  }

  get size(): number {
    return this.#open.size
  }

  /** The one that is open already, or a new one, whose first `begin` is to follow. */
  get(group: VfioGroup, device: VfioDevice, context: Container | Iommufd): OpenedDevice {
    const there = this.#machine.openDevices.get(device.key)
    if (there !== undefined) return there
    const bound = context instanceof Container ? null : this.#bind(group, context)
    const open = new OpenDevice(this.#machine, device, {
      space: () => (context instanceof Container ? context.dma : (bound?.space ?? null)),
      onClosed: () => {
        bound?.unbind()
        this.#open.delete(device.key)
        this.#onClosed()
      },
    })
    this.#open.add(device.key)
    return open
  }

  /** Null for a device without an IOMMU, which is not bound: EPERM if an IOAS says that translations are expected. */
  #bind(group: VfioGroup, iommufd: Iommufd): BoundDevice | null {
    if (group.kind === 'noiommu') {
      if (iommufd.compat !== null) throw new Errno('EPERM')
      return null
    }
    const bound = bindDevice(this.#machine, group, iommufd)
    try {
      bound.attach(iommufd.compatId)
      return bound
    } catch (error) {
      bound.unbind()
      throw error
    }
  }
}
