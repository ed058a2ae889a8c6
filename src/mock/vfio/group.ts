import { kernelOrder } from '../../base/byte-order.ts'
import { groupFlag, vfioGroupStatus } from '../../uapi/container.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { bufferArgument, structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument, OpenFile } from '../descriptors/open-file.ts'
import { Iommufd } from '../iommufd/iommufd.ts'
import type { Machine } from '../machine/machine.ts'
import { splitVfToken } from '../pci/vf-token.ts'
import { addPublished } from '../process/process-holdings.ts'
import { Container } from './container.ts'
import { DeviceFile } from './device-file.ts'
import { GroupDevices } from './group-devices.ts'
import { noiommuPrefix, type VfioDevice, type VfioGroup, vfioGroups } from './vfio-groups.ts'

/**
 * /dev/vfio/N. It can be opened once; devices that were opened through it keep it, and with it the container, until
 * they are closed themselves. In an iommufd they do not: that keeps them by itself.
 */
export class Group implements OpenFile {
  readonly link: string
  readonly lockPath: string
  readonly #machine: Machine
  readonly #group: VfioGroup
  readonly #devices: GroupDevices
  #context: Container | Iommufd | null = null
  #isOpen = true

  constructor(machine: Machine, group: VfioGroup) {
    this.#machine = machine
    this.#group = group
    this.#devices = new GroupDevices(machine, () => this.#leaveIfDone())
    this.link = `/dev/vfio/${noiommuPrefix(group)}${group.number}`
    this.lockPath = this.link
  }

  /** EBUSY if anyone has it open, or a device of it bound; ENODEV if its last device went meanwhile. */
  static open(machine: Machine, group: VfioGroup): number {
    const { holdings, scenario } = machine
    const { key } = group
    const wasHeld = holdings.groups.has(key)
    holdings.groups.add(key)
    try {
      return addPublished(machine, new Group(machine, group), (draft) => {
        if (!vfioGroups(scenario, draft).some((candidate) => candidate.key === key)) throw new Errno('ENODEV')
        if (draft.processes.some(({ groups, bound }) => groups.includes(key) || bound.includes(key))) {
          throw new Errno('EBUSY')
        }
      })
    } catch (error) {
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
    this.#leaveIfDone()
    this.#machine.holdings.publish()
  }

  #getStatus(argument: IoctlArgument): number {
    const { bytes } = structArgument(vfioGroupStatus, argument, vfioGroupStatus.size)
    const isFree = this.#isFree()
    const { VFIO_GROUP_FLAGS_VIABLE, VFIO_GROUP_FLAGS_CONTAINER_SET } = groupFlag
    // in an iommufd it is called viable whatever it is
    const inContainer = VFIO_GROUP_FLAGS_CONTAINER_SET | VFIO_GROUP_FLAGS_VIABLE
    const alone = isFree ? VFIO_GROUP_FLAGS_VIABLE : 0
    encodeInto(vfioGroupStatus, bytes, { flags: this.#context === null ? alone : inContainer })
    return 0
  }

  #setContainer(argument: IoctlArgument): number {
    const bytes = bufferArgument(argument, 4)
    const file = this.#machine.fds.get(new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, kernelOrder))
    if (this.#context !== null) throw new Errno('EINVAL')
    const { kind } = this.#now()
    if (file instanceof Iommufd) file.enter({ isNoiommu: kind === 'noiommu' })
    else if (file instanceof Container) {
      if (!this.#isFree()) throw new Errno('EPERM')
      file.attach(this, kind)
    } else throw new Errno(this.#machine.traits.foreignContainer)
    this.#context = file
    return 0
  }

  #unsetContainer(): number {
    if (this.#context === null) throw new Errno('EINVAL')
    if (this.#context instanceof Container && this.#devices.size > 0) throw new Errno('EBUSY')
    this.#leave()
    return 0
  }

  #getDeviceFd(argument: IoctlArgument): number {
    const bytes = bufferArgument(argument, 1)
    // a name is read up to a page
    const longestName = this.#machine.traits.pageSize
    const end = bytes.subarray(0, longestName).indexOf(0)
    if (end < 0 && bytes.length < longestName) throw new RangeError('the device name does not end with a NUL')
    if (end < 0) throw new Errno('EINVAL')
    const device = this.#named(Buffer.from(bytes.subarray(0, end)).toString('latin1'))
    const context = this.#context
    if (context === null || (context instanceof Container && !context.hasIommu)) throw new Errno('EINVAL')
    const { fds } = this.#machine
    const open = this.#devices.get(this.#now(), device, context)
    const fd = fds.add(new DeviceFile(open.model, this.#machine, open, device.path))
    try {
      open.begin()
    } catch (error) {
      fds.take(fd)
      throw error
    }
    return fd
  }

  /** By its name, behind which a PCI device takes a VF token. */
  #named(text: string): VfioDevice {
    const { devices, kind } = this.#now()
    const device = devices.find(({ name, isLeaving }) => {
      return !isLeaving && (name === text || (kind !== 'mediated' && text.startsWith(`${name} `)))
    })
    if (device === undefined) throw new Errno('ENODEV')
    const { token } = splitVfToken(text)
    this.#machine.store.update((draft) => device.admit?.(draft, token))
    return device
  }

  /** The group's file ends with the last of its own descriptor and, in a container, its devices'. */
  #leaveIfDone(): void {
    const isKept = !(this.#context instanceof Iommufd) && this.#devices.size > 0
    if (this.#isOpen || isKept) return
    this.#leave()
    this.#machine.holdings.groups.delete(this.#group.key)
  }

  #leave(): void {
    if (this.#context instanceof Container) this.#context.detach(this)
    else this.#context?.leave()
    this.#context = null
  }

  /** Neither a driver has it, nor an iommufd in which a device of it was opened. */
  #isFree(): boolean {
    const { isViable, key } = this.#now()
    return isViable && this.#machine.dmaOwners.ownerOf(key) === null
  }

  /** ENODEV once the last device of the group is gone. */
  #now(): VfioGroup {
    const { scenario, store } = this.#machine
    const group = vfioGroups(scenario, store.read()).find(({ key }) => key === this.#group.key)
    if (group !== undefined) return group
    this.#leave()
    throw new Errno('ENODEV')
  }
}
