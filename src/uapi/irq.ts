import { kernelOrder } from '../base/byte-order.ts'
import { VfioError } from '../base/errors.ts'
import { counted } from '../base/units.ts'
import { decode, encodeInto } from './struct.ts'

/** struct vfio_irq_info, of VFIO_DEVICE_GET_IRQ_INFO. */
export const vfioIrqInfo = {
  name: 'vfio_irq_info',
  size: 16,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], index: [8, 'u32'], count: [12, 'u32'] },
} as const

/** VFIO_IRQ_INFO_*. */
export const irqInfoFlag = {
  VFIO_IRQ_INFO_EVENTFD: 0x1,
  VFIO_IRQ_INFO_MASKABLE: 0x2,
  VFIO_IRQ_INFO_AUTOMASKED: 0x4,
  VFIO_IRQ_INFO_NORESIZE: 0x8,
} as const

/** VFIO_IRQ_INFO_* of an interrupt index. */
export interface IrqFlags {
  /** Can signal an eventfd. */
  readonly eventfd: boolean
  readonly maskable: boolean
  /** Masks itself at each event, until unmasked. */
  readonly automasked: boolean
  /** Its vectors are set up as one: disable all before enabling more. */
  readonly noresize: boolean
}

/** struct vfio_irq_info, decoded. */
export interface IrqInfo {
  readonly index: number
  readonly flags: IrqFlags
  /** Vectors in this index; 0 if the device has none of the kind. */
  readonly count: number
}

/** Decodes struct vfio_irq_info. */
export function decodeIrqInfo(bytes: Uint8Array): IrqInfo {
  const { flags, index, count } = decode(vfioIrqInfo, bytes)
  return {
    index,
    flags: {
      eventfd: (flags & irqInfoFlag.VFIO_IRQ_INFO_EVENTFD) !== 0,
      maskable: (flags & irqInfoFlag.VFIO_IRQ_INFO_MASKABLE) !== 0,
      automasked: (flags & irqInfoFlag.VFIO_IRQ_INFO_AUTOMASKED) !== 0,
      noresize: (flags & irqInfoFlag.VFIO_IRQ_INFO_NORESIZE) !== 0,
    },
    count,
  }
}

/** struct vfio_irq_set, of VFIO_DEVICE_SET_IRQS, before its data. */
export const vfioIrqSet = {
  name: 'vfio_irq_set',
  size: 20,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], index: [8, 'u32'], start: [12, 'u32'], count: [16, 'u32'] },
} as const

/** VFIO_IRQ_SET_*. */
export const irqSetFlag = {
  VFIO_IRQ_SET_DATA_NONE: 0x1,
  VFIO_IRQ_SET_DATA_BOOL: 0x2,
  VFIO_IRQ_SET_DATA_EVENTFD: 0x4,
  VFIO_IRQ_SET_ACTION_MASK: 0x8,
  VFIO_IRQ_SET_ACTION_UNMASK: 0x10,
  VFIO_IRQ_SET_ACTION_TRIGGER: 0x20,
} as const

/** A request to set interrupts: struct vfio_irq_set with its data. */
export interface IrqSet {
  readonly index: number
  /** The first vector it is about. */
  readonly start: number
  /** Number of vectors; 0 with no data disables the index. */
  readonly count: number
  readonly action: 'mask' | 'unmask' | 'trigger'
  /** One entry per vector: whether to act on it, or the eventfd it is tied to (-1 unties it); null to act on all. */
  readonly data: { readonly bools: readonly boolean[] } | { readonly eventfds: readonly number[] } | null
}

const actionFlag = {
  mask: irqSetFlag.VFIO_IRQ_SET_ACTION_MASK,
  unmask: irqSetFlag.VFIO_IRQ_SET_ACTION_UNMASK,
  trigger: irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER,
} as const

/** Throws RangeError if the data is not one entry per vector, or a number does not fit. */
export function encodeIrqSet({ index, start, count, action, data }: IrqSet): Uint8Array {
  const entries = data === null ? count : 'bools' in data ? data.bools.length : data.eventfds.length
  if (entries !== count) throw new RangeError(`${entries} entries for ${counted(count, 'vector')}`)
  const dataSize = data === null ? 0 : 'bools' in data ? count : 4 * count
  const bytes = new Uint8Array(vfioIrqSet.size + dataSize)
  const flags =
    actionFlag[action] |
    (data === null
      ? irqSetFlag.VFIO_IRQ_SET_DATA_NONE
      : 'bools' in data
        ? irqSetFlag.VFIO_IRQ_SET_DATA_BOOL
        : irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD)
  encodeInto(vfioIrqSet, bytes, { argsz: bytes.length, flags, index, start, count })
  if (data !== null) {
    if ('bools' in data) bytes.set(data.bools.map(Number), vfioIrqSet.size)
    else {
      const view = new DataView(bytes.buffer)
      for (const [vector, fd] of data.eventfds.entries()) view.setInt32(vfioIrqSet.size + 4 * vector, fd, kernelOrder)
    }
  }
  return bytes
}

/** The other way round. Throws INVALID_ARGUMENT if flags, argsz, count and data do not agree. */
export function decodeIrqSet(bytes: Uint8Array): IrqSet {
  const { argsz, flags, index, start, count } = decode(vfioIrqSet, bytes)
  const action = actionOf(flags)
  const type = flags & dataTypes
  const dataSize = {
    [irqSetFlag.VFIO_IRQ_SET_DATA_NONE]: 0,
    [irqSetFlag.VFIO_IRQ_SET_DATA_BOOL]: count,
    [irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD]: 4 * count,
  }[type]
  if (action === null || dataSize === undefined || vfioIrqSet.size + dataSize > Math.min(argsz, bytes.length)) {
    throw new VfioError('INVALID_ARGUMENT', 'struct vfio_irq_set contradicts itself', {
      facts: { argsz, flags, count, bytes: bytes.length },
    })
  }
  const data = bytes.subarray(vfioIrqSet.size, vfioIrqSet.size + dataSize)
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength)
  const payload =
    type === irqSetFlag.VFIO_IRQ_SET_DATA_NONE
      ? null
      : type === irqSetFlag.VFIO_IRQ_SET_DATA_BOOL
        ? { bools: Array.from(data, (byte) => byte !== 0) }
        : { eventfds: Array.from({ length: count }, (_, vector) => view.getInt32(4 * vector, kernelOrder)) }
  return { index, start, count, action, data: payload }
}

const dataTypes =
  irqSetFlag.VFIO_IRQ_SET_DATA_NONE | irqSetFlag.VFIO_IRQ_SET_DATA_BOOL | irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD

function actionOf(flags: number): IrqSet['action'] | null {
  switch (flags & ~dataTypes) {
    case actionFlag.mask:
      return 'mask'
    case actionFlag.unmask:
      return 'unmask'
    case actionFlag.trigger:
      return 'trigger'
    default:
      return null
  }
}

/** struct vfio_device_ioeventfd, of VFIO_DEVICE_IOEVENTFD; `offset` counts from the start of the device's file. */
export const vfioDeviceIoeventfd = {
  name: 'vfio_device_ioeventfd',
  size: 32,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], offset: [8, 'u64'], data: [16, 'u64'], fd: [24, 's32'] },
} as const

/** Width of the write, in bits: exactly one of these. */
export const ioeventfdFlag = {
  VFIO_DEVICE_IOEVENTFD_8: 0x1,
  VFIO_DEVICE_IOEVENTFD_16: 0x2,
  VFIO_DEVICE_IOEVENTFD_32: 0x4,
  VFIO_DEVICE_IOEVENTFD_64: 0x8,
  VFIO_DEVICE_IOEVENTFD_SIZE_MASK: 0xf,
} as const
