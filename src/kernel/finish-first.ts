const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

let isHeld = false

/**
 * Keeps a signal from tearing what runs until the event loop's next turn: a file that is made and then renamed would
 * stay behind. The signal is obeyed right after.
 */
export function finishFirst(): void {
  if (isHeld) return
  isHeld = true
  // First of all listeners: one that listens once would be gone already.
  for (const signal of signals) process.prependListener(signal, obeyLate)
  // The loop looks for signals before it comes to this.
  setImmediate(letGo)
}

/** Leaves the signal to its other listeners; if there is none, this process ends by it. */
export function obeyLate(signal: NodeJS.Signals): void {
  letGo()
  if (process.listenerCount(signal) === 0) process.kill(process.pid, signal)
}

function letGo(): void {
  isHeld = false
  for (const signal of signals) process.off(signal, obeyLate)
}
