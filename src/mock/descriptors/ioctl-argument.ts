import { kernelOrder } from '../../base/byte-order.ts'
import { decode, type Layout, type Values } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import type { IoctlArgument } from './open-file.ts'

/**
 * The struct that an ioctl was given. EFAULT if it was given none; EINVAL if its argsz is below `least`, which is
 * the size the struct had when the ioctl was made. RangeError if the buffer is shorter than it says: such a call never
 * reaches a kernel.
 */
export function structArgument<L extends Layout & { readonly fields: { readonly argsz: readonly [0, 'u32'] } }>(
  layout: L,
  argument: IoctlArgument,
  least: number,
): { bytes: Uint8Array; values: Values<L> } {
  const bytes = bufferArgument(argument, least)
  const argsz = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, kernelOrder)
  if (argsz > bytes.length) throw new RangeError(`argsz ${argsz} is more than the ${bytes.length} bytes given`)
  if (argsz < least) throw new Errno('EINVAL')
  const padded = new Uint8Array(Math.max(layout.size, bytes.length))
  padded.set(bytes)
  return { bytes, values: decode(layout, padded) }
}

/** The bytes of an ioctl's argument; EFAULT without them, or with fewer than `least`. */
export function bufferArgument(argument: IoctlArgument, least: number): Uint8Array {
  if (!(argument instanceof Uint8Array)) throw new Errno('EFAULT')
  if (argument.length < least) throw new RangeError(`${argument.length} bytes are too few for a struct of ${least}`)
  return argument
}

/** The number that is an ioctl's argument; EINVAL for bytes. */
export function integerArgument(argument: IoctlArgument): number {
  return typeof argument === 'number' ? argument : 0
}
