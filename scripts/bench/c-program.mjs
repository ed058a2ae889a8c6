// The C program of calls.c, which makes the same system calls.
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { join } from 'node:path'

/**
 * Compiles it, statically, so that its start costs little in an emulated machine too. Returns its path.
 * @param {string} folder
 */
export function compileCalls(folder) {
  const program = join(folder, 'calls')
  const source = join(import.meta.dirname, 'calls.c')
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-static', '-pthread', '-o', program, source])
  return program
}

export class CProgram {
  #path

  /** @param {string} path */
  constructor(path) {
    this.#path = path
  }

  /**
   * A case for `sideBySide`: the program times itself. It inherits `fds` as its descriptors 3, 4, and so on.
   * @param {string} name `pread`, or `threads pread` in a process that has threads
   * @param {{ fds?: number[], args?: (string | number)[] }} [options]
   */
  runs(name, { fds = [], args = [] } = {}) {
    return (count) => {
      const { status, stdout, stderr, error } = spawnSync(
        this.#path,
        [...name.split(' '), count, ...args].map(String),
        {
          stdio: ['ignore', 'pipe', 'pipe', ...fds],
          encoding: 'utf8',
          timeout: 300_000,
        },
      )
      if (error) throw error
      if (status !== 0) throw new Error(`calls ${name} ended with ${status}: ${stderr}`)
      return Number(stdout)
    }
  }

  /**
   * A process that answers each event at one eventfd with one at the other, until it is told more than one at once, or
   * nothing for 10 s.
   * @param {number} from
   * @param {number} to
   */
  startPeer(from, to) {
    return spawn(this.#path, ['peer', '1', '3', '4'], { stdio: ['ignore', 'ignore', 'inherit', from, to] })
  }
}
