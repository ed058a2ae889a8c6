import { basename } from 'node:path'
import { Errno } from '../base/errno.ts'
import type { FdTable } from '../descriptors/fd-table.ts'
import type { OpenFile } from '../descriptors/open-file.ts'
import { processStart } from '../state/live-process.ts'
import type { MockState, ProcessRecord } from '../state/state.ts'
import type { StateStore } from '../state/state-store.ts'
import { beginWorkerLife, endWorkerLife, newIdentity, type WorkerLife } from '../state/worker-life.ts'
import { CountedSet } from './counted-set.ts'

/** Holdings of this kernel object, and the record of them that other processes see. */
export class ProcessHoldings {
  /** Keys of the groups that are open, and of those of which a device is bound through its own node. */
  readonly groups: Set<string> = new Set()
  readonly bound: CountedSet<string> = new CountedSet()
  /** Keys of the devices that something of this process holds, and of those that are open for use. */
  readonly devices: CountedSet<string> = new CountedSet()
  readonly opened: Set<string> = new Set()
  readonly locks: Map<number, string> = new Map()
  readonly #kernel: string = newIdentity()
  readonly #store: StateStore
  readonly #fds: FdTable
  readonly #isShared: boolean
  #started: string | null | undefined
  #worker: WorkerLife | null = null

  /** `isShared`: others see the record, and must know when it is of the dead. */
  constructor(store: StateStore, fds: FdTable, isShared: boolean) {
    this.#store = store
    this.#fds = fds
    this.#isShared = isShared
  }

  isOwn(record: Pick<ProcessRecord, 'kernel'>): boolean {
    return record.kernel === this.#kernel
  }

  record(): ProcessRecord {
    this.#started ??= processStart(process.pid)
    if (this.#isShared && !isMainThread()) this.#worker ??= beginWorkerLife()
    return {
      kernel: this.#kernel,
      pid: process.pid,
      started: this.#started,
      worker: this.#worker,
      comm: basename(process.argv0).slice(0, 15),
      cmdline: [process.argv0, ...process.argv.slice(1)].map((argument) => `${argument}\0`).join(''),
      fds: this.#fds.entries().map(([fd, { link }]) => [fd, link]),
      groups: [...this.groups],
      bound: [...this.bound.values()],
      devices: [...this.devices.values()],
      opened: [...this.opened],
      locks: [...this.locks],
    }
  }

  /** After everything is let go. */
  dispose(): void {
    if (this.#worker !== null) endWorkerLife(this.#worker)
    this.#worker = null
  }

  /** Puts the record into the state, in one transaction with `change`. If that throws, nothing happened. */
  publish(change: (draft: MockState) => void = () => {}): void {
    this.#store.update((draft) => {
      change(draft)
      const others = draft.processes.filter((process) => !this.isOwn(process))
      const holdsNothing = this.groups.size + this.devices.size + this.locks.size === 0
      const record = this.record()
      const isOpen = record.fds.some(([, link]) => link.startsWith('/dev/'))
      draft.processes = holdsNothing && !isOpen ? others : [...others, record]
    })
  }
}

/** The module is loaded only by what holds something: it took a thirtieth of the time of a simulated host's `list`. */
function isMainThread(): boolean {
  return process.getBuiltinModule('node:worker_threads').isMainThread
}

/** Open files of a process, and the machine's record of it. */
export interface Process {
  readonly fds: FdTable
  readonly holdings: ProcessHoldings
}

/** A descriptor for a file, in one transaction with what the machine is to know of it; none if that throws. */
export function addPublished({ fds, holdings }: Process, file: OpenFile, change?: (draft: MockState) => void): number {
  const fd = fds.add(file)
  try {
    holdings.publish(change)
    return fd
  } catch (error) {
    fds.take(fd)
    throw error
  }
}

/** flock(2) LOCK_EX|LOCK_NB: false if another descriptor, here or in another process, has the file. */
export function tryLock({ fds, holdings }: Process, fd: number): boolean {
  const { lockPath } = fds.get(fd)
  if (lockPath === undefined || holdings.locks.has(fd)) return true
  holdings.locks.set(fd, lockPath)
  try {
    holdings.publish((draft) => {
      const isTaken = draft.processes.some(({ locks }) => locks.some(([, path]) => path === lockPath))
      if (isTaken) throw new Errno('EAGAIN')
    })
    return true
  } catch (error) {
    holdings.locks.delete(fd)
    if (error instanceof Errno) return false
    throw error
  }
}
