import { statSync } from 'node:fs'
import { homedir, userInfo } from 'node:os'
import { dirname, isAbsolute, join } from 'node:path'
import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith, isSystemError } from '../../base/system-error.ts'
import { checkedName } from '../../base/units.ts'
import { Generations } from './generations.ts'
import { dropDeadProcesses, hasDeadProcess } from './live-process.ts'
import { parseState } from './parse-state.ts'
import { finishRemovals, type MockState, type Snapshot } from './state.ts'
import type { OnChange, StateStore } from './state-store.ts'
import { newIdentity } from './worker-life.ts'

/** Transactions that a state remembers: more than the generations that are kept. */
const remembered = 64

/** Text that `resetMock` leaves: the next kernel starts from its scenario. */
const blank = 'vfioctl mock: empty\n'

interface Loaded {
  readonly number: number
  readonly state: MockState
}

/** State in a directory, shared by all processes that name the same one, and outliving them. */
export class StateDirectory implements StateStore {
  readonly #generations: Generations
  readonly #initial: MockState
  readonly #onChange: OnChange
  #newest: Loaded | null = null

  /** `initial`: the state if nothing stands in the directory. */
  constructor(directory: string, initial: MockState, onChange: OnChange) {
    this.#generations = new Generations(directory)
    this.#initial = initial
    this.#onChange = onChange
  }

  read(): Snapshot {
    const { number, state } = this.#load()
    if (!hasDeadProcess(state)) return state
    const living = structuredClone(state)
    dropDeadProcesses(living)
    this.#newest = { number, state: living }
    return living
  }

  update<T>(change: (draft: MockState) => T): T {
    for (;;) {
      const { number, state } = this.#load()
      const draft = structuredClone(state)
      dropDeadProcesses(draft)
      const result = change(draft)
      finishRemovals(draft)
      this.#onChange(state, draft)
      const commit = newIdentity()
      draft.commits = [...draft.commits.slice(1 - remembered), commit]
      if (this.#commit(number, draft, commit)) return result
    }
  }

  #commit(base: number, state: MockState, commit: string): boolean {
    const outcome = this.#answering('write', () => this.#generations.commit(base, `${JSON.stringify(state)}\n`))
    if (outcome === 'committed') this.#newest = { number: base + 1, state }
    if (outcome !== 'overtaken') return outcome === 'committed'
    return this.#load().state.commits.includes(commit)
  }

  #load(): Loaded {
    const number = this.#answering('read', () => this.#generations.newest())
    if (this.#newest === null || this.#newest.number !== number) this.#newest = this.#parse()
    return this.#newest
  }

  #parse(): Loaded {
    const { number, text } = this.#answering('read', () => this.#generations.read())
    if (number === 0 || text === blank) return { number, state: this.#initial }
    const path = this.#generations.path(number)
    const state = parseState(text)
    if (state === null) {
      throw new VfioError('INVALID_DEFINITION', `${path} is not a state of a mock kernel, or is damaged`, {
        path,
        hint: 'vfioctl mock reset',
      })
    }
    if (state.scenario !== this.#initial.scenario) {
      const facts = { found: state.scenario, wanted: this.#initial.scenario }
      const what = `${path} is the state of scenario '${facts.found}', not of '${facts.wanted}'`
      throw new VfioError('INVALID_DEFINITION', what, { path, facts, hint: 'vfioctl mock reset' })
    }
    return { number, state }
  }

  #answering<T>(what: 'read' | 'write', work: () => T): T {
    try {
      return work()
    } catch (error) {
      throw directoryError(what, this.#generations.directory, error)
    }
  }
}

/**
 * Back to the scenario's first state, whatever stands there now. False if nothing stands there, and so nothing happens.
 */
export function resetMock(stateDirectory: string): boolean {
  const generations = new Generations(stateDirectory)
  try {
    for (;;) {
      const newest = generations.newest()
      if (newest === 0) return false
      if (generations.commit(newest, blank) === 'committed') return true
    }
  } catch (error) {
    throw directoryError('write', stateDirectory, error)
  }
}

/**
 * $XDG_STATE_HOME/vfioctl/mock/NAME, in ~/.local/state if that is not set. As root by another user's environment
 * (sudo), in root's own home: that user could not use what root leaves in theirs. INVALID_ARGUMENT for a bad name.
 */
export function mockStateDirectory(name: string, env: Readonly<Record<string, string | undefined>>): string {
  const home = env['XDG_STATE_HOME']
  const named = home !== undefined && isAbsolute(home) ? home : join(env['HOME'] || homedir(), '.local', 'state')
  const base = isAnothers(named) ? join(userInfo().homedir, '.local', 'state') : named
  return join(base, 'vfioctl', 'mock', checkedName('mock', name))
}

function isAnothers(folder: string): boolean {
  if (process.geteuid?.() !== 0) return false
  const stats = statSync(folder, { throwIfNoEntry: false })
  return stats === undefined ? isAnothers(dirname(folder)) : stats.uid !== 0
}

function directoryError(what: 'read' | 'write', directory: string, error: unknown): unknown {
  if (!isSystemError(error)) return error
  const denied = failedWith(error, 'EACCES', 'EPERM', 'EROFS')
  const tried = `cannot ${what} the mock's state in ${directory}: ${kernelAnswer(error)}`
  return new VfioError(denied ? 'PERMISSION_DENIED' : 'SYSTEM_CALL_FAILED', tried, {
    path: directory,
    cause: error,
    hint: `ls -ld ${directory}; df ${directory}`,
  })
}
