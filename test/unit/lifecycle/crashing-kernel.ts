import type { HostFiles, Kernel, ProgramEnd, ProgramRun } from '../../../src/kernel/kernel.ts'

const writes: ReadonlySet<PropertyKey> = new Set([
  'write',
  'create',
  'rename',
  'unlink',
  'makeDirectory',
  'removeDirectory',
  'syncDirectory',
  'chown',
  'chmod',
])

/** The error that every call fails with once the process is dead. */
export class Killed extends Error {}

/** A program of the host, with the files that it writes to. */
export type Program = (files: HostFiles, run: ProgramRun) => Promise<ProgramEnd>

/**
 * A kernel as a process sees it that is killed right after its n-th change to the host, be it to a file or by a program
 * that it runs: nothing it does from then on has any effect, except that what it held is let go. A program goes on when
 * who runs it is killed, except `dies`, of which each change counts and is the last one too. `died` says whether it came
 * that far, and `death` ends what the process waits for.
 */
export function crashingKernel(kernel: Kernel, after: number, dies?: Program) {
  const death = new AbortController()
  let left = after
  const change = () => {
    if (--left <= 0) death.abort()
  }
  const files = new Proxy(kernel.files, {
    get(target, name, receiver) {
      const method: unknown = Reflect.get(target, name, receiver)
      if (typeof method !== 'function') return method
      return (...args: unknown[]) => {
        if (left <= 0) throw new Killed()
        if (writes.has(name)) change()
        return Reflect.apply(method, target, args)
      }
    },
  }) as HostFiles
  const runProgram: Kernel['runProgram'] = async (path, run) => {
    if (left <= 0) throw new Killed()
    if (dies !== undefined) return dies(files, run)
    change()
    return kernel.runProgram(path, run)
  }
  const crashing = new Proxy(kernel, {
    get(target, name) {
      if (name === 'files') return files
      if (name === 'runProgram') return runProgram
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return { kernel: crashing, died: () => left <= 0, death: death.signal }
}
