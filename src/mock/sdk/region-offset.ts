/** Region INDEX begins at INDEX << 40 of the device's file, in every driver modelled here. */
const regionStride = 2 ** 40

export function regionOffset(index: number): number {
  return index * regionStride
}

export function splitOffset(offset: number): { index: number; within: number } {
  const index = Math.floor(offset / regionStride)
  return { index, within: offset - index * regionStride }
}
