import { kernelOrder } from '../../base/byte-order.ts'
import type { IoctlPointer } from '../../kernel/kernel.ts'
import { decode, encodeInto, type Layout, type Values } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { bufferArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'

type SizedLayout = Layout & { readonly fields: { readonly size: readonly [0, 'u32'] } }

/** Answer and pointers of a call, besides its struct. */
export interface Call<L extends Layout> {
  /** Writes fields back, as far as the caller's struct has them. It is written even if the call fails afterwards. */
  answer(values: Partial<Values<L>>): void
  readonly pointers: readonly IoctlPointer[]
}

/** One ioctl of iommufd. */
export type Command = (argument: IoctlArgument, pointers: readonly IoctlPointer[]) => void

/**
 * An ioctl whose struct begins with its size. EINVAL if that is less than `least`, the size the struct had when the
 * ioctl was made; E2BIG if there is anything but zeros behind what is known of it.
 */
export function command<L extends SizedLayout>(
  layout: L,
  least: number,
  run: (values: Values<L>, call: Call<L>) => void,
): Command {
  return (argument, pointers) => {
    const bytes = bufferArgument(argument, 4)
    const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, kernelOrder)
    if (size > bytes.length) throw new RangeError(`size ${size} is more than the ${bytes.length} bytes given`)
    if (size < least) throw new Errno('EINVAL')
    if (bytes.subarray(layout.size, size).some((byte) => byte !== 0)) throw new Errno('E2BIG')
    const known = new Uint8Array(layout.size)
    known.set(bytes.subarray(0, Math.min(size, layout.size)))
    run(decode(layout, known), {
      pointers,
      answer(values) {
        encodeInto(layout, known, values)
        bytes.set(known.subarray(0, Math.min(size, layout.size)))
      },
    })
  }
}
