import { obeyLate } from './finish-first.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** For a program's own end; what still runs then is killed. */
const patienceMs = 2000

/** Process groups of programs that shall not go on without us. */
const groups = new Set<number>()
/** A signal that ends this process, once no program runs any more. */
let lastSignal: NodeJS.Signals | null = null

/**
 * Has a process group end with this process: it gets the signals that this one gets, as from a terminal, and is killed
 * if it goes on nevertheless. Whoever else listens to the signal decides what becomes of us; if nobody does, we end by
 * it, after the programs. Returns what to call once the group's first process has ended.
 */
export function endWithUs(group: number): () => void {
  // First of all listeners: one that listens once would be gone already.
  if (groups.size === 0) {
    for (const signal of signals) process.prependListener(signal, onSignal)
    process.on('exit', killAll)
  }
  groups.add(group)
  return () => {
    if (!groups.delete(group) || groups.size > 0) return
    stopListening()
    if (lastSignal !== null) process.kill(process.pid, lastSignal)
  }
}

function onSignal(signal: NodeJS.Signals): void {
  const others = process.listeners(signal).filter((listener) => listener !== onSignal && listener !== obeyLate)
  if (others.length === 0) lastSignal = signal
  const told = [...groups]
  for (const group of told) send(group, signal)
  setTimeout(
    () => told.filter((group) => groups.has(group)).forEach((group) => void send(group, 'SIGKILL')),
    patienceMs,
  )
}

function killAll(): void {
  for (const group of groups) send(group, 'SIGKILL')
}

function stopListening(): void {
  for (const signal of signals) process.off(signal, onSignal)
  process.off('exit', killAll)
}

function send(group: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-group, signal)
  } catch {
    // It ended by itself a moment ago.
  }
}
