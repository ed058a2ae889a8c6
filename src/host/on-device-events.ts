import type { Kernel, Watch } from '../kernel/kernel.ts'

/** How often to look, in milliseconds: while nothing tells of devices, and besides being told. */
export interface LookIntervals {
  readonly untold: number
  readonly besides: number
}

/**
 * Calls `look` after each device event, and now and then all the same: events can be lost, and not
 * all that changes has one. `onSilence` hears why none can come. Returns what ends it: no call of `look` comes after that, and no descriptor is left once
 * its promise is kept, also where the events were still being opened.
 */
export function onDeviceEvents(
  kernel: Kernel,
  look: () => void,
  { untold, besides }: LookIntervals,
  onSilence: (reason: unknown) => void = () => {},
): () => Promise<void> {
  let ended = false
  let watch: Watch | null = null
  let timer = setInterval(look, untold)
  const listen = (told: Watch | null) => {
    if (ended) told?.close()
    if (ended || told === null) return
    watch = told
    clearInterval(timer)
    timer = setInterval(look, besides)
    // What came before anybody told of it.
    look()
  }
  const opening = kernel.watchUevents(look).then(listen, onSilence)
  return () => {
    ended = true
    watch?.close()
    clearInterval(timer)
    return opening
  }
}
