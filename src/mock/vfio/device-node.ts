import type { IoctlPointer, Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { vfioDeviceAttachIommufdPt, vfioDeviceBindIommufd, vfioDeviceDetachIommufdPt } from '../../uapi/device.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument, OpenFile } from '../descriptors/open-file.ts'
import type { BoundDevice } from '../iommufd/bound-device.ts'
import { Iommufd } from '../iommufd/iommufd.ts'
import type { Machine } from '../machine/machine.ts'
import { targetOf } from '../memory/user-memory.ts'
import { addPublished } from '../process/process-holdings.ts'
import type { Snapshot } from '../state/state.ts'
import { bindArgument, bindDevice } from './bind-device.ts'
import { DeviceFile, deviceDetails } from './device-file.ts'
import { OpenDevice } from './open-device.ts'
import { type VfioDevice, type VfioGroup, vfioGroups } from './vfio-groups.ts'

/** Bytes of a VF token. */
const tokenSize = 16
/** VFIO_DEVICE_ATTACH_PASID and VFIO_DEVICE_DETACH_PASID, which bring a field of 4 bytes. */
const withPasid = 1

interface Bound {
  readonly file: DeviceFile
  readonly device: BoundDevice
}

/**
 * /dev/vfio/devices/vfioN. Until it is bound to an iommufd it answers nothing else; while it is, its group cannot be
 * opened. Whoever has it open, bound or not, keeps the device from going.
 */
export class DeviceNode implements OpenFile {
  readonly link: string
  readonly lockPath: string
  readonly details: Readonly<Record<string, string>>
  readonly #machine: Machine
  readonly #groupKey: string
  readonly #device: VfioDevice
  #bound: Bound | null = null

  constructor(machine: Machine, group: VfioGroup, device: VfioDevice, path: string) {
    this.#machine = machine
    this.#groupKey = group.key
    this.#device = device
    this.link = path
    this.lockPath = path
    this.details = deviceDetails(machine.traits, device.path)
  }

  /** ENODEV if the device is gone, or about to go. */
  static open(machine: Machine, group: VfioGroup, device: VfioDevice, path: string): number {
    const { holdings, scenario } = machine
    holdings.devices.add(device.key)
    try {
      return addPublished(machine, new DeviceNode(machine, group, device, path), (draft) => {
        const now = vfioGroups(scenario, draft).flatMap(({ devices }) => devices)
        if (!now.some(({ key, isLeaving }) => key === device.key && !isLeaving)) throw new Errno('ENODEV')
      })
    } catch (error) {
      holdings.devices.remove(device.key)
      throw error
    }
  }

  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    if (request === requests.VFIO_DEVICE_BIND_IOMMUFD) return this.#bind(argument, pointers)
    const { device, file } = this.#use
    file.wake()
    if (request === requests.VFIO_DEVICE_ATTACH_IOMMUFD_PT) return attach(device, argument)
    if (request === requests.VFIO_DEVICE_DETACH_IOMMUFD_PT) return detach(device, argument)
    return file.ioctl(request, argument, pointers)
  }

  read(into: Uint8Array): number {
    return this.#use.file.read(into)
  }

  write(from: Uint8Array): number {
    return this.#use.file.write(from)
  }

  pread(into: Uint8Array, offset: number): number {
    return this.#use.file.pread(into, offset)
  }

  pwrite(from: Uint8Array, offset: number): number {
    return this.#use.file.pwrite(from, offset)
  }

  mmap(options: MmapOptions): Mapping {
    return this.#use.file.mmap(options)
  }

  close(): void {
    this.#machine.holdings.devices.remove(this.#device.key)
    if (this.#bound === null) this.#machine.holdings.publish()
    else this.#bound.file.close()
  }

  /** EINVAL until it is bound. */
  get #use(): Bound {
    if (this.#bound === null) throw new Errno('EINVAL')
    return this.#bound
  }

  #bind(argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    const { bytes, values } = bindArgument(argument)
    const { flags, iommufd: fd } = values
    const { store, fds, holdings, scenario } = this.#machine
    this.#checkGroup(store.read())
    if (this.#bound !== null) throw new Errno('EINVAL')
    const { admit } = this.#device
    if (admit === null && flags !== 0) throw new Errno('EINVAL')
    const token = flags === 0 ? null : targetOf(pointers, vfioDeviceBindIommufd.fields.token_uuid_ptr[0], tokenSize)
    const text = token === null ? null : Buffer.from(token.subarray(0, tokenSize)).toString('hex')
    store.update((draft) => admit?.(draft, text))
    const iommufd = fds.get(fd)
    if (!(iommufd instanceof Iommufd)) throw new Errno('EBADFD')
    this.#checkFree(store.read())
    const group = vfioGroups(scenario, store.read()).find(({ key }) => key === this.#groupKey)
    if (group === undefined) throw new Errno('ENODEV')
    const device = bindDevice(this.#machine, group, iommufd)
    const onClosed = () => {
      device.unbind()
      holdings.bound.remove(this.#groupKey)
    }
    holdings.bound.add(this.#groupKey)
    try {
      const open = new OpenDevice(this.#machine, this.#device, {
        space: () => device.space,
        onClosed,
        boundId: device.id,
      })
      open.begin((draft) => {
        this.#checkGroup(draft)
        this.#checkFree(draft)
      })
      this.#bound = { file: new DeviceFile(open.model, this.#machine, open, this.#device.path), device }
    } catch (error) {
      onClosed()
      throw error
    }
    encodeInto(vfioDeviceBindIommufd, bytes, { out_devid: device.id })
    return 0
  }

  /** EBUSY while anyone has its group open. */
  #checkGroup({ processes }: Pick<Snapshot, 'processes'>): void {
    if (processes.some(({ groups }) => groups.includes(this.#groupKey))) throw new Errno('EBUSY')
  }

  /** EINVAL if another has it open; EPERM if another process has a device of its group. */
  #checkFree({ processes }: Pick<Snapshot, 'processes'>): void {
    const { holdings } = this.#machine
    if (processes.some(({ opened }) => opened.includes(this.#device.key))) throw new Errno('EINVAL')
    const others = processes.filter((process) => !holdings.isOwn(process))
    if (others.some(({ bound }) => bound.includes(this.#groupKey))) throw new Errno('EPERM')
  }
}

function attach(device: BoundDevice, argument: IoctlArgument): number {
  const { bytes, values } = structArgument(vfioDeviceAttachIommufdPt, argument, vfioDeviceAttachIommufdPt.size)
  checkPasid(device, values, vfioDeviceAttachIommufdPt.size)
  encodeInto(vfioDeviceAttachIommufdPt, bytes, { pt_id: device.attach(values.pt_id) })
  return 0
}

function detach(device: BoundDevice, argument: IoctlArgument): number {
  const { values } = structArgument(vfioDeviceDetachIommufdPt, argument, vfioDeviceDetachIommufdPt.size)
  checkPasid(device, values, vfioDeviceDetachIommufdPt.size)
  device.detach()
  return 0
}

/** No device here has address spaces for its processes. */
function checkPasid(
  { asksForPasid }: BoundDevice,
  { argsz, flags }: { readonly argsz: number; readonly flags: number },
  size: number,
): void {
  if ((flags & ~withPasid) !== 0) throw new Errno('EINVAL')
  if (flags !== withPasid) return
  throw new Errno(asksForPasid && argsz < size + 4 ? 'EINVAL' : 'EOPNOTSUPP')
}
