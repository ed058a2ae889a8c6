import type { Kernel, Mapping } from '../../../src/kernel/kernel.ts'
import type { Descriptor, On, Target } from './call.ts'

interface Opened {
  readonly fd: number
  /** Of a group or a device, whose it is. */
  readonly target: Target | null
}

/** A mapping that a sequence has made of a device. */
export interface Mapped {
  readonly mapping: Mapping
  readonly target: Target | null
  readonly region: number
  /** Bytes into the region. */
  readonly from: number
  readonly access: 'r' | 'w' | 'rw'
}

/** A descriptor that no process of a test reaches. */
const unopened = 1_000_000

/** Descriptors and mappings that a sequence has opened on one kernel. */
export class Descriptors {
  readonly #kernel: Kernel
  /** In the order in which they are closed. */
  readonly #open: Record<Descriptor, Opened[]> = {
    stream: [],
    device: [],
    group: [],
    container: [],
    iommufd: [],
    eventfd: [],
    memory: [],
  }

  readonly #mapped: Mapped[] = []

  constructor(kernel: Kernel) {
    this.#kernel = kernel
  }

  keep(what: Descriptor, fd: number, target: Target | null = null): void {
    this.#open[what].push({ fd, target })
  }

  /** False where there is none. */
  close({ what, nth }: On): boolean {
    const list = this.#open[what]
    const [taken] = list.length === 0 || nth < 0 ? [] : list.splice(nth % list.length, 1)
    if (taken === undefined) return false
    this.#kernel.close(taken.fd)
    return true
  }

  closeAll(): void {
    for (const { mapping } of this.#mapped.splice(0)) mapping.close()
    // its memory closes the descriptor of it
    this.#open.memory = []
    for (const list of Object.values(this.#open)) for (const { fd } of list.splice(0)) this.#kernel.close(fd)
  }

  /** The descriptor; if nothing of the kind is open, one that is EBADF. */
  fd(on: On): number {
    return on.nth < 0 ? -1 : (this.#find(on)?.fd ?? unopened)
  }

  targetOf(on: On): Target | null {
    return this.#find(on)?.target ?? null
  }

  /** Its group, or itself, which what is mapped of it holds open too. */
  isOpen(target: Target): boolean {
    return [...this.#open.group, ...this.#open.device, ...this.#mapped].some((held) => held.target === target)
  }

  keepMapped(mapped: Mapped): void {
    this.#mapped.push(mapped)
  }

  mapped(nth: number): Mapped | undefined {
    return this.#mapped[nth % Math.max(this.#mapped.length, 1)]
  }

  /** False where there is none. */
  unmap(nth: number): boolean {
    const [taken] = this.#mapped.length === 0 ? [] : this.#mapped.splice(nth % this.#mapped.length, 1)
    taken?.mapping.close()
    return taken !== undefined
  }

  get eventfds(): Int32Array {
    return Int32Array.from(this.#open.eventfd, ({ fd }) => fd)
  }

  #find({ what, nth }: On): Opened | undefined {
    const list = this.#open[what]
    return list[nth % Math.max(list.length, 1)]
  }
}
