import type { Machine, OpenedDevice } from '../machine/machine.ts'
import type { DmaMappings } from '../memory/dma-mappings.ts'
import type { DeviceModel } from '../sdk/device-model.ts'
import type { MockState } from '../state/state.ts'
import type { VfioDevice } from './vfio-groups.ts'

/** A device that is open, through however many descriptors and mappings; its model lives as long as it is. */
export class OpenDevice implements OpenedDevice {
  readonly model: DeviceModel
  /** Its number among the objects of the iommufd that it is bound to; null if its group was opened. */
  readonly boundId: number | null
  readonly #machine: Machine
  readonly #device: VfioDevice
  readonly #onClosed: () => void
  #users = 0

  /**
   * `space`: the address space that it is in at the moment. `onClosed`: before the machine is told that nobody has it.
   * `boundId`: null if absent.
   */
  constructor(
    machine: Machine,
    device: VfioDevice,
    {
      space,
      onClosed,
      boundId = null,
    }: { space: () => DmaMappings | null; onClosed: () => void; boundId?: number | null },
  ) {
    this.#machine = machine
    this.#device = device
    this.#onClosed = onClosed
    this.boundId = boundId
    this.model = device.makeModel({ machine, space })
  }

  /** `check` throws if the first user may not have it. */
  begin(check?: (draft: MockState) => void): void {
    const { holdings, openDevices } = this.#machine
    const { key } = this.#device
    if (this.#users === 0) {
      holdings.devices.add(key)
      holdings.opened.add(key)
    }
    try {
      holdings.publish(check)
    } catch (error) {
      if (this.#users === 0) this.#forget()
      throw error
    }
    openDevices.set(key, this)
    this.#users++
  }

  end(): void {
    const { holdings, openDevices } = this.#machine
    this.#users--
    if (this.#users > 0) {
      holdings.publish()
      return
    }
    this.model.close?.()
    openDevices.delete(this.#device.key)
    this.#forget()
    this.#onClosed()
    holdings.publish((draft) => this.#device.keep(draft, this.model.save()))
  }

  #forget(): void {
    const { holdings } = this.#machine
    holdings.devices.remove(this.#device.key)
    holdings.opened.delete(this.#device.key)
  }
}
