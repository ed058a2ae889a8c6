import type { Watch } from '../../kernel/kernel.ts'
import type { Uevent } from '../../kernel/uevents.ts'
import type { StateStore } from '../state/state-store.ts'

/** Milliseconds between looks at the machine: other processes change it too. */
const interval = 20

/** Tells of the machine's events from now on. */
export function watchUevents(store: StateStore, listener: (event: Uevent) => void): Watch {
  let next = store.read().uevents.next
  let closed = false
  const timer = setInterval(() => {
    for (const event of store.read().uevents.latest) {
      if (event.seqnum < next || closed) continue
      next = event.seqnum + 1
      listener(event)
    }
  }, interval)
  return {
    ref: () => timer.ref(),
    unref: () => timer.unref(),
    close() {
      closed = true
      clearInterval(timer)
    },
  }
}
