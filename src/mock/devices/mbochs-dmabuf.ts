import type { Mapping, MmapOptions } from '../../kernel/kernel.ts'
import { Errno } from '../base/errno.ts'
import type { OpenFile } from '../descriptors/open-file.ts'

/** A picture's place in video memory. */
export interface Mode {
  readonly width: number
  readonly height: number
  readonly stride: number
  readonly size: number
  readonly offset: number
}

/** A dma-buf as mbochs exports it, to be read only. */
export class DmabufFile implements OpenFile {
  readonly link: string = '/dmabuf:'
  readonly details: Readonly<Record<string, string>>

  constructor(bytes: number) {
    this.details = { size: String(bytes), exp_name: 'mbochs' }
  }

  /** It must be mapped shared, and a descriptor that is only read loses that. */
  mmap({ access }: MmapOptions): Mapping {
    throw new Errno(access === 'r' ? 'EINVAL' : 'EACCES')
  }

  close(): void {}
}

/** The pictures that were asked for, each by a number of its own, until the device is closed. */
export class Dmabufs {
  readonly #modes = new Map<number, Mode>()
  #nextId: number

  constructor(nextId: number) {
    this.#nextId = nextId
  }

  get nextId(): number {
    return this.#nextId
  }

  get(id: number): Mode | undefined {
    return this.#modes.get(id)
  }

  /** Null at the first question for a picture, which makes its place: the driver forgets to look at what it made. */
  idOf(mode: Mode): number | null {
    for (const [id, known] of this.#modes) {
      const isSame = known.stride === mode.stride && known.offset === mode.offset && known.size === mode.size
      if (isSame && known.width === mode.width && known.height === mode.height) return id
    }
    this.#modes.set(this.#nextId++, mode)
    return null
  }

  clear(): void {
    this.#modes.clear()
  }
}
