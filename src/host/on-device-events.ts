import type { Kernel, Watch } from '../kernel/kernel.ts'

/** The interval between looks, in milliseconds. */
export interface LookIntervals {
  /** While no device events can be had. */
  readonly pollInterval: number
  /** Beside device events: one can be lost, and not every change has one. */
  readonly safetyInterval: number
}

/**
 * Calls `look` after each device event, and at the intervals. `onSilence` hears why no events can come. Returns what
 * ends it: no call of `look` comes after that, and no descriptor is left once its promise is kept, even if the events
 * were still being opened.
 */
export function onDeviceEvents(
  kernel: Kernel,
  look: () => void,
  { pollInterval, safetyInterval }: LookIntervals,
  onSilence: (reason: unknown) => void = () => {},
): () => Promise<void> {
  let ended = false
  let watch: Watch | null = null
  let timer = setInterval(look, pollInterval)
  const listen = (told: Watch | null) => {
    if (ended) told?.close()
    if (ended || told === null) return
    watch = told
    clearInterval(timer)
    timer = setInterval(look, safetyInterval)
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
