import { deviceOrder, kernelOrder } from '../../src/base/byte-order.ts'

/** Two bytes of a register of mbochs: the sample has them in its processor's order, other than a real device. */
export function inSampleOrder(value: number): number {
  return kernelOrder === deviceOrder ? value : ((value & 0xff) << 8) | (value >> 8)
}
