import { checkBytes } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { vfioPrecopyInfo } from '../../uapi/features.ts'
import { request } from '../../uapi/requests.ts'
import { decode, encode } from '../../uapi/struct.ts'
import { Descriptor } from '../calls/descriptor.ts'
import { attempt, callFailed, type Reasons } from '../calls/system-call.ts'

/** The bytes left to read before the device stops, as far as it knows now. */
export interface PreCopyInfo {
  /** Of what it has to say at first. Better not to leave pre-copy before this is 0. */
  readonly initialBytes: bigint
  /** Of what changed since. */
  readonly dirtyBytes: bigint
}

/**
 * The stream that a device's state leaves it by, or enters it by. What it consists of is the driver's affair. It ends
 * with its migration: CLOSED from then on.
 */
export class MigrationData {
  readonly #descriptor: Descriptor

  /** Takes the descriptor over. `Migration.move` is what makes one. */
  constructor(kernel: Kernel, fd: number, device: string) {
    this.#descriptor = new Descriptor(kernel, fd, `the migration data of ${device}`)
  }

  /** True once the stream is closed. */
  get closed(): boolean {
    return this.#descriptor.closed
  }

  /** The next bytes, as many as are there and fit: 0 at the end, which is the end for now while it is pre-copied. */
  read(into: Uint8Array): number {
    const { kernel, fd, what } = this.#descriptor
    checkBytes('read', into)
    try {
      return kernel.read(fd, into)
    } catch (error) {
      if (failedWith(error, 'ENOMSG')) return 0
      throw callFailed(`read ${what}`, error, over)
    }
  }

  /** Hands all of these to the device. Throws INVALID_ARGUMENT if it does not take them. */
  write(bytes: Uint8Array): void {
    const { kernel, fd, what } = this.#descriptor
    checkBytes('write', bytes)
    for (let done = 0; done < bytes.length; ) {
      const moved = attempt(`write ${what}`, () => kernel.write(fd, bytes.subarray(done)), { ...over, ...refused })
      if (moved < 1 || moved > bytes.length - done) {
        throw new VfioError('MALFORMED_REPLY', `cannot write ${what}: the kernel moved ${moved} bytes`, {
          facts: { requested: bytes.length - done, moved },
        })
      }
      done += moved
    }
  }

  /** VFIO_MIG_GET_PRECOPY_INFO. Throws INVALID_ARGUMENT if the device is not being pre-copied. */
  preCopyInfo(): PreCopyInfo {
    const bytes = encode(vfioPrecopyInfo, { argsz: vfioPrecopyInfo.size })
    const { what } = this.#descriptor
    attempt(`ask what is left of ${what}`, () => this.#descriptor.ioctl(request.VFIO_MIG_GET_PRECOPY_INFO, bytes), {
      ...over,
      EINVAL: () => ({ code: 'INVALID_ARGUMENT', because: 'the device is not in state pre-copy' }),
      ENOTTY: () => ({ code: 'INVALID_ARGUMENT', because: 'the device does not save its state' }),
    })
    const { initial_bytes, dirty_bytes } = decode(vfioPrecopyInfo, bytes)
    return { initialBytes: initial_bytes, dirtyBytes: dirty_bytes }
  }

  /** Idempotent. */
  close(): void {
    this.#descriptor.close()
  }
}

const over: Reasons = {
  ENODEV: () => ({ code: 'CLOSED', because: 'its migration is over' }),
}

const notItsOwn = {
  code: 'INVALID_ARGUMENT',
  because: 'the device does not take it: damaged, or saved by another kind or version of device',
} as const

const refused: Reasons = {
  EFAULT: () => notItsOwn,
  EINVAL: () => notItsOwn,
  ENOMEM: () => ({
    code: 'INVALID_ARGUMENT',
    because: 'it is more than the device takes, or the kernel is out of memory',
  }),
}
