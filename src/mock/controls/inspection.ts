import type { Clock } from '../base/clock.ts'
import type { Machine } from '../machine/machine.ts'
import type { Call } from '../machine/machine-observer.ts'

/** A page that mediated drivers keep pinned. */
export interface PinnedPageState {
  readonly iova: bigint
  /** Its physical address. */
  readonly physical: bigint
  /** Number of pins. */
  readonly count: number
}

/** Memory that a process has mapped for its devices. */
export interface MappingState {
  readonly iova: bigint
  /** Bytes. */
  readonly size: bigint
  /** Access allowed to a device. */
  readonly access: { readonly read: boolean; readonly write: boolean }
}

/** An interrupt that a device raised, whether or not someone listened. */
export interface RaisedInterrupt {
  /** UUID or PCI address. */
  readonly device: string
  /** VFIO_PCI_MSI_IRQ_INDEX and its like. */
  readonly index: number
  readonly vector: number
  /** The machine's time, in milliseconds. */
  readonly at: number
}

/** A write to a file of the host: to an attribute in sysfs, mostly. */
export interface FileWrite {
  readonly path: string
  readonly text: string
  readonly at: number
}

/** State of a mock machine, and its interrupts and writes since it was made. */
export class Inspection {
  /** Oldest first. */
  readonly interrupts: readonly RaisedInterrupt[]
  /** In their order, those that failed too. */
  readonly writes: readonly FileWrite[]
  readonly #machine: Machine

  constructor(machine: Machine, { interrupts, writes }: MachineLog) {
    this.#machine = machine
    this.interrupts = interrupts
    this.writes = writes
  }

  /** The pages that mediated drivers have pinned, of all address spaces, by address. */
  get pinned(): readonly PinnedPageState[] {
    const { physical, locked } = this.#machine
    const pages = [...locked.spaces].flatMap(({ pins }) => [...pins])
    return pages.sort(byIova).map(({ iova, memory, offset, count }) => {
      const buffer = memory.bytes?.buffer ?? new ArrayBuffer(0)
      return { iova, physical: physical.addressOf(buffer, (memory.bytes?.byteOffset ?? 0) + Number(offset)), count }
    })
  }

  /** Memory mapped for devices, of all address spaces, by address. */
  get mapped(): readonly MappingState[] {
    const mappings = [...this.#machine.locked.spaces].flatMap((space) => [...space])
    return mappings.sort(byIova).map(({ iova, size, access }) => ({ iova, size, access }))
  }

  /** Bytes that count against what the process may lock. */
  get lockedBytes(): bigint {
    return this.#machine.locked.bytes
  }

  /** Open files by descriptor, as /proc/PID/fd shows them. */
  get open(): readonly string[] {
    return this.#machine.fds.entries().map(([, { link }]) => link)
  }
}

/** Keeps what a machine tells its observer. */
export class MachineLog {
  readonly interrupts: RaisedInterrupt[] = []
  readonly writes: FileWrite[] = []
  readonly #clock: Clock

  constructor(clock: Clock) {
    this.#clock = clock
  }

  called({ name, path, text }: Call): void {
    if (name === 'files.write' && path !== undefined && text !== undefined) {
      this.writes.push({ path, text, at: this.#clock.now })
    }
  }

  raised(interrupt: Omit<RaisedInterrupt, 'at'>): void {
    this.interrupts.push({ ...interrupt, at: this.#clock.now })
  }
}

function byIova(a: { readonly iova: bigint }, b: { readonly iova: bigint }): number {
  return a.iova < b.iova ? -1 : a.iova > b.iova ? 1 : 0
}
