import { groupFlag, vfioGroupStatus } from '../../uapi/group-status.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import type { DeviceModel } from '../device.ts'
import { makeModel } from '../devices/models.ts'
import { Errno } from '../errno.ts'
import type { Machine } from '../machine.ts'
import { typeOf } from '../mdev/capacity.ts'
import type { IoctlArgument, OpenFile } from '../open-file.ts'
import type { Frozen, MdevRecord, MockState } from '../state/state.ts'
import { Container } from './container.ts'
import { DeviceFile } from './device-file.ts'
import { bufferArgument, structArgument } from './ioctl-argument.ts'

/** A device that has been opened, through however many descriptors. */
interface OpenDevice {
  readonly uuid: string
  readonly model: DeviceModel
  files: number
}

/** A name is read up to a page. */
const longestName = 4096

/**
 * /dev/vfio/N of a mediated device, which is alone in its group. It can be opened once; a device that was opened through
 * it keeps it, and with it the container, until it is closed itself.
 */
export class Group implements OpenFile {
  readonly link: string
  readonly lockPath: string
  readonly #machine: Machine
  readonly #birth: string
  #container: Container | null = null
  #device: OpenDevice | null = null
  #isOpen = true

  constructor(machine: Machine, { group, birth }: { group: number; birth: string }) {
    this.#machine = machine
    this.#birth = birth
    this.link = `/dev/vfio/${group}`
    this.lockPath = this.link
  }

  /** EBUSY where anyone has it open, ENODEV where its device went meanwhile. */
  static open(machine: Machine, of: { group: number; birth: string }): number {
    const { fds, holdings } = machine
    const fd = fds.add(new Group(machine, of))
    const wasHeld = holdings.groups.has(of.birth)
    holdings.groups.add(of.birth)
    try {
      holdings.publish((draft) => {
        if (!draft.mdevs.some(({ birth }) => birth === of.birth)) throw new Errno('ENODEV')
        if (draft.processes.some(({ groups }) => groups.includes(of.birth))) throw new Errno('EBUSY')
      })
      return fd
    } catch (error) {
      fds.take(fd)
      if (!wasHeld) holdings.groups.delete(of.birth)
      throw error
    }
  }

  ioctl(request: number, argument: IoctlArgument): number {
    switch (request) {
      case requests.VFIO_GROUP_GET_STATUS:
        return this.#getStatus(argument)
      case requests.VFIO_GROUP_SET_CONTAINER:
        return this.#setContainer(argument)
      case requests.VFIO_GROUP_UNSET_CONTAINER:
        return this.#unsetContainer()
      case requests.VFIO_GROUP_GET_DEVICE_FD:
        return this.#getDeviceFd(argument)
      default:
        throw new Errno('ENOTTY')
    }
  }

  close(): void {
    this.#isOpen = false
    this.#letGo()
  }

  #getStatus(argument: IoctlArgument): number {
    const { bytes } = structArgument(vfioGroupStatus, argument, vfioGroupStatus.size)
    this.#record()
    const { VFIO_GROUP_FLAGS_VIABLE, VFIO_GROUP_FLAGS_CONTAINER_SET } = groupFlag
    // a mediated device has no neighbour that could make its group unviable
    const flags = VFIO_GROUP_FLAGS_VIABLE | (this.#container === null ? 0 : VFIO_GROUP_FLAGS_CONTAINER_SET)
    encodeInto(vfioGroupStatus, bytes, { flags })
    return 0
  }

  #setContainer(argument: IoctlArgument): number {
    const bytes = bufferArgument(argument, 4)
    const file = this.#machine.fds.get(new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true))
    if (this.#container !== null) throw new Errno('EINVAL')
    this.#record()
    if (!(file instanceof Container)) throw new Errno('EINVAL')
    file.attach(this)
    this.#container = file
    return 0
  }

  #unsetContainer(): number {
    if (this.#container === null) throw new Errno('EINVAL')
    if (this.#device !== null) throw new Errno('EBUSY')
    this.#leaveContainer()
    return 0
  }

  #getDeviceFd(argument: IoctlArgument): number {
    const bytes = bufferArgument(argument, 1)
    const end = bytes.subarray(0, longestName).indexOf(0)
    if (end < 0 && bytes.length < longestName) throw new RangeError('the device name does not end with a NUL')
    if (end < 0) throw new Errno('EINVAL')
    const record = this.#record()
    if (Buffer.from(bytes.subarray(0, end)).toString('latin1') !== record.uuid) throw new Errno('ENODEV')
    if (this.#container?.hasIommu !== true) throw new Errno('EINVAL')
    const device = this.#device ?? { uuid: record.uuid, model: this.#makeModel(record), files: 0 }
    const file = new DeviceFile(
      device.model,
      (fd) => this.#machine.fds.get(fd),
      () => this.#closeDevice(device),
    )
    const fd = this.#machine.fds.add(file)
    const { holdings } = this.#machine
    holdings.devices.add(this.#birth)
    try {
      holdings.publish()
    } catch (error) {
      this.#machine.fds.take(fd)
      if (this.#device === null) holdings.devices.delete(this.#birth)
      throw error
    }
    this.#device = device
    device.files++
    return fd
  }

  #closeDevice(device: OpenDevice): void {
    device.files--
    if (device.files > 0) {
      this.#machine.holdings.publish()
      return
    }
    this.#device = null
    this.#machine.holdings.devices.delete(this.#birth)
    this.#letGo((draft) => {
      const record = draft.mdevs.find(({ birth }) => birth === this.#birth)
      if (record !== undefined) record.model = device.model.save()
    })
  }

  /** The group's file ends with the last of its own descriptor and its device's. */
  #letGo(change?: (draft: MockState) => void): void {
    if (!this.#isOpen && this.#device === null) {
      this.#leaveContainer()
      this.#machine.holdings.groups.delete(this.#birth)
    }
    this.#machine.holdings.publish(change)
  }

  #leaveContainer(): void {
    this.#container?.detach(this)
    this.#container = null
  }

  /** ENODEV once the device of the group is gone. */
  #record(): Frozen<MdevRecord> {
    const record = this.#machine.store.read().mdevs.find(({ birth }) => birth === this.#birth)
    if (record !== undefined) return record
    this.#leaveContainer()
    throw new Errno('ENODEV')
  }

  #makeModel(record: Frozen<MdevRecord>): DeviceModel {
    const parent = this.#machine.scenario.parents.find(({ name }) => name === record.parent)
    const type = parent === undefined ? undefined : typeOf(parent, record.type)
    if (type === undefined) throw new Errno('ENODEV')
    return makeModel(type.model, record.model)
  }
}
