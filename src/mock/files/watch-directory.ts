import type { Watch } from '../../kernel/kernel.ts'
import type { StateStore } from '../state/state-store.ts'

/** Milliseconds between looks at the disk: other processes change it too. */
const interval = 20

/** Tells when what the disk has directly in a directory changes; `path` is canonical. */
export function watchDirectory(store: StateStore, path: string, onChange: () => void): Watch {
  const above = path === '/' ? '/' : `${path}/`
  const entries = () => {
    const here = Object.entries(store.read().disk).filter(
      ([name]) => name.startsWith(above) && !name.includes('/', above.length),
    )
    return JSON.stringify(here)
  }
  let state = store.read()
  let seen = entries()
  const timer = setInterval(() => {
    if (store.read() === state) return
    state = store.read()
    const now = entries()
    if (now === seen) return
    seen = now
    onChange()
  }, interval)
  return {
    ref: () => timer.ref(),
    unref: () => timer.unref(),
    close: () => clearInterval(timer),
  }
}
