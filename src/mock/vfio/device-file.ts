import type { IoctlPointer, Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { vfioDeviceInfo } from '../../uapi/device.ts'
import { ioeventfdFlag, vfioDeviceIoeventfd, vfioIrqInfo, vfioIrqSet } from '../../uapi/irq.ts'
import { regionFlag, vfioRegionInfo } from '../../uapi/region.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { Eventfd } from '../descriptors/eventfd.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument, OpenFile } from '../descriptors/open-file.ts'
import type { Machine, Use } from '../machine/machine.ts'
import { hasIommufd } from '../scenario/loaded-modules.ts'
import type { DeviceModel, EventSink } from '../sdk/device-model.ts'
import type { CallingProcess, Feature } from '../sdk/feature.ts'
import { bindArgument } from './bind-device.ts'
import { callFeature, callingProcess } from './device-feature.ts'

/** Before cap_offset was appended (5.10). */
const oldDeviceInfoSize = 16

const noFeatures: ReadonlyMap<number, Feature> = new Map()
/** Up to its descriptor. */
const minIoeventfdSize = 28

/** Fields of a device's descriptor in fdinfo, since 6.18. */
export function deviceDetails({ tellsOpenDevice }: KernelTraits, path: string): Readonly<Record<string, string>> {
  return tellsOpenDevice ? { 'vfio-device-syspath': path } : {}
}

/** One descriptor of an opened device: reads and writes structs, and asks the model. */
export class DeviceFile implements OpenFile {
  readonly link = 'anon_inode:[vfio-device]'
  readonly details: Readonly<Record<string, string>>
  readonly #model: DeviceModel
  readonly #machine: Machine
  readonly #use: Use
  #position = 0

  /** `path`: the device's folder in sysfs. */
  constructor(model: DeviceModel, machine: Machine, use: Use, path: string) {
    this.details = deviceDetails(machine.traits, path)
    this.#model = model
    this.#machine = machine
    this.#use = use
  }

  wake(): void {
    this.#model.wake?.()
  }

  ioctl(request: number, argument: IoctlArgument, pointers: readonly IoctlPointer[]): number {
    if (request === requests.VFIO_DEVICE_BIND_IOMMUFD) return this.#refuseToBind(argument)
    this.wake()
    switch (request) {
      case requests.VFIO_DEVICE_GET_INFO:
        return this.#getInfo(argument)
      case requests.VFIO_DEVICE_GET_REGION_INFO:
        return this.#model.regionInfo?.(argument) ?? this.#getRegionInfo(argument)
      case requests.VFIO_DEVICE_GET_IRQ_INFO:
        return this.#getIrqInfo(argument)
      case requests.VFIO_DEVICE_SET_IRQS:
        return this.#setIrqs(argument)
      case requests.VFIO_DEVICE_RESET:
        this.#model.reset()
        return 0
      case requests.VFIO_DEVICE_IOEVENTFD:
        return this.#setIoeventfd(argument)
      case requests.VFIO_DEVICE_FEATURE:
        return callFeature(this.#model.features ?? noFeatures, argument, this.#caller(pointers), this.#machine.traits)
      default:
        if (this.#model.ioctl === undefined) throw new Errno('ENOTTY')
        return this.#model.ioctl(request, argument, this.#caller(pointers))
    }
  }

  pread(into: Uint8Array, offset: number): number {
    return into.length === 0 ? 0 : this.#model.read(into, offset)
  }

  pwrite(from: Uint8Array, offset: number): number {
    return from.length === 0 ? 0 : this.#model.write(from, offset)
  }

  read(into: Uint8Array): number {
    const count = this.pread(into, this.#position)
    this.#position += count
    return count
  }

  write(from: Uint8Array): number {
    const count = this.pwrite(from, this.#position)
    this.#position += count
    return count
  }

  /** A mapping is a user of the device as the descriptor is: the device stays open until both are gone. */
  mmap(options: MmapOptions): Mapping {
    if (this.#model.mmap === undefined) throw new Errno('EINVAL')
    const mapping = this.#model.mmap(options)
    this.#use.begin()
    return endingWith(mapping, () => this.#use.end())
  }

  close(): void {
    this.#use.end()
  }

  #getInfo(argument: IoctlArgument): number {
    const { bytes } = structArgument(vfioDeviceInfo, argument, oldDeviceInfoSize)
    const { flags, regions, irqs } = this.#model.info()
    encodeInto(vfioDeviceInfo, bytes, { flags, num_regions: regions, num_irqs: irqs })
    return 0
  }

  #getRegionInfo(argument: IoctlArgument): number {
    const { bytes, values } = structArgument(vfioRegionInfo, argument, vfioRegionInfo.size)
    const { flags, size, offset, capabilities } = this.#model.region(values.index)
    encodeInto(vfioRegionInfo, bytes, { flags, size: BigInt(size), offset: BigInt(offset) })
    if (capabilities === undefined) return 0
    const argsz = vfioRegionInfo.size + capabilities.length
    const hasRoom = values.argsz >= argsz
    if (hasRoom) bytes.set(capabilities, vfioRegionInfo.size)
    encodeInto(vfioRegionInfo, bytes, {
      flags: flags | regionFlag.VFIO_REGION_INFO_FLAG_CAPS,
      ...(hasRoom ? { cap_offset: vfioRegionInfo.size } : { argsz, cap_offset: 0 }),
    })
    return 0
  }

  #getIrqInfo(argument: IoctlArgument): number {
    const { bytes, values } = structArgument(vfioIrqInfo, argument, vfioIrqInfo.size)
    encodeInto(vfioIrqInfo, bytes, this.#model.irq(values.index))
    return 0
  }

  #setIrqs(argument: IoctlArgument): number {
    const { bytes, values } = structArgument(vfioIrqSet, argument, vfioIrqSet.size)
    const data = bytes.subarray(vfioIrqSet.size, values.argsz)
    this.#model.setIrqs({ ...values, data, eventfd: (fd) => this.#eventfd(fd) })
    return 0
  }

  #setIoeventfd(argument: IoctlArgument): number {
    const { ioeventfd } = this.#model
    if (ioeventfd === undefined) throw new Errno('ENOTTY')
    const { values } = structArgument(vfioDeviceIoeventfd, argument, minIoeventfdSize)
    const { flags, offset, data, fd } = values
    const width = widths.find((bytes) => bytes === (flags & ioeventfdFlag.VFIO_DEVICE_IOEVENTFD_SIZE_MASK))
    if (width !== flags || width === undefined || fd < -1) throw new Errno('EINVAL')
    const eventfd = fd < 0 ? null : () => this.#eventfd(fd)
    ioeventfd.call(this.#model, { offset: Number(offset), width, data, eventfd })
    return 0
  }

  /** A device opened through its group is with a container: ENOTTY on a kernel without iommufd. */
  #refuseToBind(argument: IoctlArgument): never {
    if (!hasIommufd(this.#machine.scenario)) throw new Errno('ENOTTY')
    bindArgument(argument)
    throw new Errno('EINVAL')
  }

  #caller(pointers: readonly IoctlPointer[]): CallingProcess {
    return callingProcess(this.#machine.fds, pointers)
  }

  #eventfd(fd: number): EventSink {
    const file = this.#machine.fds.get(fd)
    if (!(file instanceof Eventfd)) throw new Errno('EINVAL')
    return file
  }
}

/** In bytes, as are the flags. */
const widths = [1, 2, 4, 8] as const

function endingWith(mapping: Mapping, end: () => void): Mapping {
  let isOpen = true
  const close = mapping.close.bind(mapping)
  mapping.close = () => {
    close()
    if (isOpen) end()
    isOpen = false
  }
  return mapping
}
