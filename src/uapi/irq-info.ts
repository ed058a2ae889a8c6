import { decode } from './struct.ts'

/** struct vfio_irq_info, of VFIO_DEVICE_GET_IRQ_INFO. */
export const vfioIrqInfo = {
  name: 'vfio_irq_info',
  size: 16,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'], index: [8, 'u32'], count: [12, 'u32'] },
} as const

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
  /** Vectors in this index; 0 where the device has none of the kind. */
  readonly count: number
}

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
