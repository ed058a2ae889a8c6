import { groupFlag, vfioGroupStatus } from '../../uapi/group-status.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import type { DeviceModel } from '../device.ts'
import { Errno } from '../errno.ts'
import type { Machine } from '../machine.ts'
import type { IoctlArgument, OpenFile } from '../open-file.ts'
import { splitVfToken } from '../pci/vf-token.ts'
import { Container } from './container.ts'
import { DeviceFile } from './device-file.ts'
import { bufferArgument, structArgument } from './ioctl-argument.ts'
import { type DriverServices, type VfioDevice, type VfioGroup, vfioGroups } from './vfio-groups.ts'

/** A device that has been opened, through however many descriptors and mappings. */
interface OpenDevice {
  readonly device: VfioDevice
  readonly model: DeviceModel
  users: number
}

/** A name is read up to a page. */
const longestName = 4096

/**
 * /dev/vfio/N. It can be opened once; devices that were opened through it keep it, and with it the container, until they
 * are closed themselves.
 */
export class Group implements OpenFile {
  readonly link: string
  readonly lockPath: string
  readonly #machine: Machine
  readonly #key: string
  readonly #hasIommu: boolean
  readonly #devices = new Map<string, OpenDevice>()
  #container: Container | null = null
  #isOpen = true

  constructor(machine: Machine, { number, key, hasIommu }: VfioGroup) {
    this.#machine = machine
    this.#key = key
    this.#hasIommu = hasIommu
    this.link = `/dev/vfio/${number}`
    this.lockPath = this.link
  }

  /** EBUSY where anyone has it open, ENODEV where its last device went meanwhile. */
  static open(machine: Machine, group: VfioGroup): number {
    const { fds, holdings, scenario } = machine
    const { key } = group
    const fd = fds.add(new Group(machine, group))
    const wasHeld = holdings.groups.has(key)
    holdings.groups.add(key)
    try {
      holdings.publish((draft) => {
        if (!vfioGroups(scenario, draft).some((candidate) => candidate.key === key)) throw new Errno('ENODEV')
        if (draft.processes.some(({ groups }) => groups.includes(key))) throw new Errno('EBUSY')
      })
      return fd
    } catch (error) {
      fds.take(fd)
      if (!wasHeld) holdings.groups.delete(key)
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
    const { isViable } = this.#now()
    const { VFIO_GROUP_FLAGS_VIABLE, VFIO_GROUP_FLAGS_CONTAINER_SET } = groupFlag
    const set = this.#container === null ? 0 : VFIO_GROUP_FLAGS_CONTAINER_SET
    encodeInto(vfioGroupStatus, bytes, { flags: set | (isViable ? VFIO_GROUP_FLAGS_VIABLE : 0) })
    return 0
  }

  #setContainer(argument: IoctlArgument): number {
    const bytes = bufferArgument(argument, 4)
    const file = this.#machine.fds.get(new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true))
    if (this.#container !== null) throw new Errno('EINVAL')
    const { isViable } = this.#now()
    if (!(file instanceof Container)) throw new Errno('EINVAL')
    if (!isViable) throw new Errno('EPERM')
    file.attach(this, this.#hasIommu)
    this.#container = file
    return 0
  }

  #unsetContainer(): number {
    if (this.#container === null) throw new Errno('EINVAL')
    if (this.#devices.size > 0) throw new Errno('EBUSY')
    this.#leaveContainer()
    return 0
  }

  #getDeviceFd(argument: IoctlArgument): number {
    const bytes = bufferArgument(argument, 1)
    const end = bytes.subarray(0, longestName).indexOf(0)
    if (end < 0 && bytes.length < longestName) throw new RangeError('the device name does not end with a NUL')
    if (end < 0) throw new Errno('EINVAL')
    const device = this.#named(Buffer.from(bytes.subarray(0, end)).toString('latin1'))
    if (this.#container?.hasIommu !== true) throw new Errno('EINVAL')
    const open = this.#devices.get(device.key) ?? { device, model: device.makeModel(this.#services), users: 0 }
    const use = { begin: () => this.#use(open), end: () => this.#letGoOf(open) }
    const fd = this.#machine.fds.add(new DeviceFile(open.model, this.#machine.fds, use))
    try {
      use.begin()
    } catch (error) {
      this.#machine.fds.take(fd)
      throw error
    }
    return fd
  }

  /** By its name, behind which a PCI device takes a VF token. */
  #named(text: string): VfioDevice {
    const { devices } = this.#now()
    const device = devices.find(({ name, isLeaving }) => {
      return !isLeaving && (name === text || (this.#hasIommu && text.startsWith(`${name} `)))
    })
    if (device === undefined) throw new Errno('ENODEV')
    const { token } = splitVfToken(text)
    this.#machine.store.update((draft) => device.admit(draft, token))
    return device
  }

  /** Devices reach memory through the container that the group is in at that moment. */
  get #services(): DriverServices {
    return { machine: this.#machine, space: () => this.#container?.dma ?? null }
  }

  #use(open: OpenDevice): void {
    const { holdings } = this.#machine
    const { key } = open.device
    holdings.devices.add(key)
    try {
      holdings.publish()
    } catch (error) {
      if (open.users === 0) holdings.devices.delete(key)
      throw error
    }
    this.#devices.set(key, open)
    this.#machine.openDevices.set(key, open.model)
    open.users++
  }

  #letGoOf(open: OpenDevice): void {
    const { device, model } = open
    open.users--
    if (open.users > 0) {
      this.#machine.holdings.publish()
      return
    }
    model.close?.()
    this.#devices.delete(device.key)
    this.#machine.openDevices.delete(device.key)
    this.#machine.holdings.devices.delete(device.key)
    this.#letGo((draft) => device.keep(draft, model.save()))
  }

  /** The group's file ends with the last of its own descriptor and its devices'. */
  #letGo(change?: Parameters<Machine['holdings']['publish']>[0]): void {
    if (!this.#isOpen && this.#devices.size === 0) {
      this.#leaveContainer()
      this.#machine.holdings.groups.delete(this.#key)
    }
    this.#machine.holdings.publish(change)
  }

  #leaveContainer(): void {
    this.#container?.detach(this)
    this.#container = null
  }

  /** ENODEV once the last device of the group is gone. */
  #now(): VfioGroup {
    const { scenario, store } = this.#machine
    const group = vfioGroups(scenario, store.read()).find(({ key }) => key === this.#key)
    if (group !== undefined) return group
    this.#leaveContainer()
    throw new Errno('ENODEV')
  }
}
