import type { MappedDevice } from '../memory/bar-mapping.ts'

/**
 * A BAR as memory, `start` being where in the BAR it begins: each access is one of the function's. False while the
 * function does not answer; what lies in its last page beyond the BAR is zero.
 */
export function barMemory(of: {
  readonly size: number
  readonly start: number
  answers(): boolean
  load(offset: number, into: Uint8Array): void
  store(offset: number, from: Uint8Array): void
}): MappedDevice {
  const isBeyond = (at: number) => of.start + at >= of.size
  return {
    load(at, into) {
      if (isBeyond(at)) into.fill(0)
      else if (of.answers()) of.load(of.start + at, into)
      return of.answers()
    },
    store(at, from) {
      if (of.answers() && !isBeyond(at)) of.store(of.start + at, from)
      return of.answers()
    },
  }
}
