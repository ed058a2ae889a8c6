import type { HostFiles, StartedProgram } from '../../kernel/kernel.ts'

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
type Signal = (typeof signals)[number]

/** The signals that this process gets, on their way to a program that it waits for. */
export interface Forwarding {
  /** Those that came before the program ran are for it too. */
  to(program: Pick<StartedProgram, 'kill'>): void
  /** From then on, signals do to this process what they did before. */
  stop(): void
}

/**
 * Hands SIGINT, SIGTERM and SIGHUP on from now on, in place of ending this process. Not the SIGINT of a terminal: that
 * has the program in its foreground too, which would take a second one for a second Ctrl-C.
 */
export function forwardSignals(files: HostFiles): Forwarding {
  const early: Signal[] = []
  let hand = (signal: Signal): void => void early.push(signal)
  const listener = (signal: Signal) => {
    if (signal !== 'SIGINT' || !isInForeground(files)) hand(signal)
  }
  for (const signal of signals) process.on(signal, listener)
  return {
    to(program) {
      hand = (signal) => program.kill(signal)
      for (const signal of early.splice(0)) program.kill(signal)
    },
    stop() {
      for (const signal of signals) process.off(signal, listener)
    },
  }
}

/** A terminal has this process, and what it started, in its foreground. */
function isInForeground(files: HostFiles): boolean {
  // the name in parentheses may hold anything: state, parent, group, session, terminal, the terminal's group come after it
  const fields = files
    .read('/proc/self/stat')
    .replace(/^.*\) /s, '')
    .split(' ')
  const [, , group, , , foreground] = fields
  return group === foreground
}
