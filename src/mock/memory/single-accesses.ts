/**
 * The single accesses that a pread or pwrite becomes: `widest` bytes if aligned and enough are left, else half of
 * them, and so on.
 */
export function singleAccesses(offset: number, length: number): Generator<{ at: number; width: 1 | 2 | 4 }>
export function singleAccesses(
  offset: number,
  length: number,
  widest: 4 | 8,
): Generator<{ at: number; width: 1 | 2 | 4 | 8 }>
export function* singleAccesses(
  offset: number,
  length: number,
  widest: 4 | 8 = 4,
): Generator<{ at: number; width: 1 | 2 | 4 | 8 }> {
  let done = 0
  while (done < length) {
    const fits = (width: number) => width <= widest && width <= length - done && (offset + done) % width === 0
    const width = fits(8) ? 8 : fits(4) ? 4 : fits(2) ? 2 : 1
    yield { at: done, width }
    done += width
  }
}
