import type { Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { irqSetFlag } from '../../uapi/irq.ts'
import { Errno } from '../base/errno.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import type { CallingProcess, Feature } from './feature.ts'

/**
 * A device model: what a driver is on a real kernel. It answers what VFIO asks of an opened device and keeps its state
 * between openings, and between commands, through `save`.
 *
 * A model throws `Errno` with what the kernel would answer.
 */
export interface DeviceModel {
  /** Any ioctl(2) on the device's file, whatever is said of it then: a device that sleeps is woken first. */
  wake?(): void
  /** VFIO_DEVICE_GET_INFO. */
  info(): DeviceDescription
  /** VFIO_DEVICE_GET_REGION_INFO; EINVAL for an index that the device does not know. */
  region(index: number): RegionDescription
  /** All of that ioctl, if the driver answers it by itself. */
  regionInfo?(argument: IoctlArgument): number
  /** VFIO_DEVICE_GET_IRQ_INFO; EINVAL likewise. */
  irq(index: number): IrqDescription
  /** VFIO_DEVICE_SET_IRQS, whose flags, start and count `checkIrqSet` looks at. */
  setIrqs(set: IrqSetRequest): void
  /** VFIO_DEVICE_RESET; EINVAL or ENOTTY if the device has none. */
  reset(): void
  /** pread(2) and pwrite(2) of the device's file: bytes moved. Bytes that the device leaves undefined are zero. */
  read(into: Uint8Array, offset: number): number
  /** pwrite(2) of the device's file: bytes moved. */
  write(from: Uint8Array, offset: number): number
  /** mmap(2) of the device's file, in whole pages; EINVAL if the driver maps nothing. Absent if it never does. */
  mmap?(options: MmapOptions): Mapping
  /** VFIO_DEVICE_FEATURE, by number. */
  readonly features?: ReadonlyMap<number, Feature>
  /** Other ioctls of the device's file, such as VFIO_DEVICE_QUERY_GFX_PLANE. ENOTTY if absent. */
  ioctl?(request: number, argument: IoctlArgument, process: CallingProcess): number
  /** VFIO_DEVICE_IOEVENTFD. Absent if the driver has none: ENOTTY. */
  ioeventfd?(request: ModelIoeventfd): void
  /** The bus that the device is on is reset, by the user of any device there. */
  busReset?(): void
  /** The driver is to let go of the device: it may ask its users to do so. */
  requestRelease?(): void
  /** The device itself raises an interrupt. RangeError for one that it does not have. */
  raise?(index: number, vector: number): void
  /** The hardware is gone, all of a sudden: from here on nothing of it is reached. */
  disappear?(): void
  /** The last user is gone: interrupts end, timers too. */
  close?(): void
  /** The state as JSON can hold it; given back to the model's maker when the device is opened again. */
  save(): unknown
}

/** Answer of VFIO_DEVICE_GET_INFO. */
export interface DeviceDescription {
  /** VFIO_DEVICE_FLAGS_*. */
  readonly flags: number
  readonly regions: number
  readonly irqs: number
}

/** Answer of VFIO_DEVICE_GET_REGION_INFO. */
export interface RegionDescription {
  /** VFIO_REGION_INFO_FLAG_*. */
  readonly flags: number
  /** Bytes. */
  readonly size: number
  readonly offset: number
  /** The chain behind the struct, whose links count from the end of the struct; none if absent. */
  readonly capabilities?: Uint8Array
}

/** Answer of VFIO_DEVICE_GET_IRQ_INFO. */
export interface IrqDescription {
  /** VFIO_IRQ_INFO_*; if absent, the driver leaves them as they came. */
  readonly flags?: number
  readonly count: number
}

/** struct vfio_irq_set as it came, not yet checked. */
export interface IrqSetRequest {
  readonly argsz: number
  readonly flags: number
  readonly index: number
  readonly start: number
  readonly count: number
  /** Bytes that follow the struct. */
  readonly data: Uint8Array
  /** The eventfd behind a descriptor: EBADF if none is open there, EINVAL if it is something else. */
  eventfd(fd: number): EventSink
}

/**
 * struct vfio_device_ioeventfd, its width and descriptor checked: a write to be done whenever an eventfd is signalled.
 */
export interface ModelIoeventfd {
  /** In the device's file. */
  readonly offset: number
  /** Bytes. */
  readonly width: 1 | 2 | 4 | 8
  readonly data: bigint
  /** Looks the eventfd up: EBADF, EINVAL; null if the write is to be removed. */
  readonly eventfd: (() => EventSink) | null
}

/** Target of an interrupt. It stays usable after its descriptor was closed, as in the kernel. */
export interface EventSink {
  /** Signals it: one more event. */
  signal(): void
  /**
   * Takes each event away and calls back instead, at once if one is there already; returns how to stop. `onClosed`: its
   * descriptor is closed, and nothing comes any more.
   */
  consume(listener: () => void, onClosed?: () => void): () => void
}

const dataTypes =
  irqSetFlag.VFIO_IRQ_SET_DATA_NONE | irqSetFlag.VFIO_IRQ_SET_DATA_BOOL | irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD
const actions =
  irqSetFlag.VFIO_IRQ_SET_ACTION_MASK | irqSetFlag.VFIO_IRQ_SET_ACTION_UNMASK | irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER
const headerSize = 20

/**
 * Checks what the kernel checks of struct vfio_irq_set before the driver sees it (vfio_set_irqs_validate_and_prepare):
 * EINVAL for an index from `indexes` on, a range beyond `vectors`, no or several kinds of data, or too little of it.
 */
export function checkIrqSet(set: IrqSetRequest, limits: { indexes: number; vectors: number }): void {
  const { argsz, flags, index, start, count } = set
  const type = flags & dataTypes
  const width =
    type === irqSetFlag.VFIO_IRQ_SET_DATA_NONE
      ? 0
      : type === irqSetFlag.VFIO_IRQ_SET_DATA_BOOL
        ? 1
        : type === irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD
          ? 4
          : null
  const isValid =
    index < limits.indexes &&
    (flags & ~(dataTypes | actions)) === 0 &&
    start < limits.vectors &&
    start + count <= limits.vectors &&
    width !== null &&
    argsz - headerSize >= count * width
  if (!isValid) throw new Errno('EINVAL')
}
