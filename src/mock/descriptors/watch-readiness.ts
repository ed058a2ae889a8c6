import type { Watch } from '../../kernel/kernel.ts'
import type { Readiness } from './open-file.ts'

/** The longest delay a timer takes: only there to keep Node's loop alive. */
const forever = 2 ** 31 - 1

/** Level-triggered, as epoll is: calls back in a turn of its own for as long as there is something to read. */
export function watchReadiness(readiness: Readiness, onReadable: () => void): Watch {
  let closed = false
  let scheduled: NodeJS.Immediate | null = null
  const keepAlive = setInterval(() => {}, forever)

  const schedule = () => {
    if (closed || scheduled !== null || !readiness.isReadable()) return
    scheduled = setImmediate(() => {
      scheduled = null
      if (closed || !readiness.isReadable()) return
      try {
        onReadable()
      } finally {
        schedule()
      }
    })
    if (!keepAlive.hasRef()) scheduled.unref()
  }
  const unsubscribe = readiness.subscribe(schedule)
  schedule()

  return {
    ref() {
      keepAlive.ref()
      scheduled?.ref()
    },
    unref() {
      keepAlive.unref()
      scheduled?.unref()
    },
    close() {
      closed = true
      unsubscribe()
      clearInterval(keepAlive)
      if (scheduled !== null) clearImmediate(scheduled)
    },
  }
}
