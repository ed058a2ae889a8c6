import { vfioPrecopyInfo } from '../../uapi/features.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encodeInto } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument, OpenFile } from '../descriptors/open-file.ts'

/** The stream of a device that is saved. It ends where what has been filled in ends, and may get longer. */
export class SaveFile implements OpenFile {
  readonly link: string
  readonly #isPreCopy: () => boolean
  readonly #answersFlags: () => boolean
  #data: Uint8Array
  #position = 0
  #isOver = false

  /**
   * `answersFlags`: the kernel says in the flags of its answer what it has to say, and does not hand back those it got.
   */
  constructor(
    link: string,
    data: Uint8Array,
    state: { readonly isPreCopy: () => boolean; readonly answersFlags: () => boolean },
  ) {
    this.link = link
    this.#data = data
    this.#isPreCopy = state.isPreCopy
    this.#answersFlags = state.answersFlags
  }

  append(data: Uint8Array): void {
    this.#data = Buffer.concat([this.#data, data])
  }

  /** The session it belongs to has ended. */
  end(): void {
    this.#isOver = true
  }

  read(into: Uint8Array): number {
    if (this.#isOver) throw new Errno('ENODEV')
    const piece = this.#data.subarray(this.#position, this.#position + into.length)
    into.set(piece)
    this.#position += piece.length
    return piece.length
  }

  write(): never {
    throw new Errno('EBADF')
  }

  ioctl(request: number, argument: IoctlArgument): number {
    if (request !== requests.VFIO_MIG_GET_PRECOPY_INFO) throw new Errno('ENOTTY')
    const { bytes } = structArgument(vfioPrecopyInfo, argument, vfioPrecopyInfo.size)
    if (!this.#isPreCopy()) throw new Errno('EINVAL')
    if (this.#isOver) throw new Errno('ENODEV')
    encodeInto(vfioPrecopyInfo, bytes, {
      initial_bytes: BigInt(this.#data.length - this.#position),
      dirty_bytes: 0n,
      ...(this.#answersFlags() ? { flags: 0 } : {}),
    })
    return 0
  }

  close(): void {}
}

/** The stream into a device that is resumed. */
export class ResumeFile implements OpenFile {
  readonly link: string
  readonly #most: number
  readonly #check: (data: Uint8Array, before: number) => void
  #data: Uint8Array = new Uint8Array()
  #isOver = false

  /** `check` looks at all that came so far, and at how much that was before, and throws if it is not its own. */
  constructor(link: string, most: number, check: (data: Uint8Array, before: number) => void) {
    this.link = link
    this.#most = most
    this.#check = check
  }

  /** Bytes written so far. */
  get data(): Uint8Array {
    return this.#data
  }

  end(): void {
    this.#isOver = true
  }

  read(): never {
    throw new Errno('EBADF')
  }

  /** ENOMEM for more than the device has. What is not its own is taken all the same, and then refused. */
  write(from: Uint8Array): number {
    const { length } = this.#data
    if (length + from.length > this.#most) throw new Errno('ENOMEM')
    if (this.#isOver) throw new Errno('ENODEV')
    this.#data = Buffer.concat([this.#data, from])
    this.#check(this.#data, length)
    return from.length
  }

  ioctl(): never {
    throw new Errno('ENOTTY')
  }

  close(): void {}
}
