import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { kernelOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import { ioeventfdFlag, vfioDeviceIoeventfd } from '../../uapi/irq.ts'
import { pciRegionIndex } from '../../uapi/region.ts'
import { request as requests } from '../../uapi/requests.ts'
import { encode } from '../../uapi/struct.ts'
import { orClose } from '../calls/close-in-order.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { attempt, type Reason } from '../calls/system-call.ts'
import { notAnEventfd, otherThanEventfd } from '../irq/given-eventfd.ts'
import { isDescriptor } from '../irq/irq-request.ts'
import { checkAccess, checkAlignment, checkBigint, checkNumber, type DeviceRegion } from './region-access.ts'

/** A write to a region: `offset` in bytes, `width` in bits. */
export type IoeventfdWrite =
  | { readonly offset: number; readonly width: 8 | 16 | 32; readonly value: number }
  | { readonly offset: number; readonly width: 64; readonly value: bigint }

/** The write that an eventfd shall stand for (VFIO_DEVICE_IOEVENTFD). */
export type IoeventfdRequest = IoeventfdWrite & {
  /** Another's eventfd, which stays its owner's to close; one of our own unless told. */
  readonly eventfd?: number
}

/** VFIO_PCI_IOEVENTFD_MAX of the kernel's vfio-pci. */
const maxOfDevice = 1000

/**
 * A write that the kernel does whenever an eventfd is signalled, without us: a doorbell that another process, or KVM,
 * can ring. Signals that come faster than the kernel looks are one write; while the device's memory decoding is off,
 * they are none. Made by `Region.ioeventfd`; lasts until closed, and closing the device closes it first.
 */
export class Ioeventfd implements Disposable {
  readonly region: DeviceRegion
  readonly offset: number
  /** Bits. */
  readonly width: 8 | 16 | 32 | 64
  readonly value: number | bigint
  /**
   * The eventfd whose signal does the write, to hand to whoever shall give it. The kernel reads it: nobody else does.
   */
  readonly eventfd: number
  readonly #device: Descriptor
  readonly #what: string
  readonly #owned: boolean
  #closed = false

  /** VFIO_DEVICE_IOEVENTFD. */
  constructor(region: DeviceRegion, device: Descriptor, request: IoeventfdRequest) {
    const { offset, width, value, eventfd } = checkedWrite(region, request)
    this.region = region
    this.offset = offset
    this.width = width
    this.value = value
    this.#device = device
    this.#what = `${width} bits at ${hex(offset)} of region ${region.name} of ${region.owner}`
    this.#owned = eventfd === undefined
    this.eventfd = eventfd ?? attempt('make an eventfd', () => device.kernel.eventfd())
    orClose([{ close: () => this.#closeEventfd() }], () => this.#add())
    device.hold(this)
  }

  /** True once the eventfd writes nothing any more. */
  get closed(): boolean {
    return this.#closed
  }

  /** Does the write: what others do by writing to `eventfd`. */
  signal(): void {
    if (this.#closed) throw new VfioError('CLOSED', `the ioeventfd for ${this.#what} is closed`)
    const one = new Uint8Array(8)
    new DataView(one.buffer).setBigUint64(0, 1n, kernelOrder)
    attempt(`signal the eventfd for ${this.#what}`, () => this.#device.kernel.write(this.eventfd, one))
  }

  /** A signal does nothing any more from here on. Idempotent; another's eventfd stays open. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#device.release(this)
    try {
      attempt(`take the eventfd from the write of ${this.#what}`, () => this.#call(-1))
    } finally {
      this.#closeEventfd()
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #add(): void {
    attempt(`have ${this.#what} written by eventfd`, () => this.#call(this.eventfd), {
      ENOTTY: () => ({ code: 'NOT_SUPPORTED', because: "the device's driver has no ioeventfds" }),
      EEXIST: () => ({ code: 'ALREADY_EXISTS', because: `an eventfd writes ${hex(BigInt(this.value))} there already` }),
      ENOSPC: () => ({
        code: 'NO_IOEVENTFD_LEFT',
        because: `the device has the ${maxOfDevice} that the kernel takes`,
        facts: { limit: maxOfDevice },
      }),
      EBADF: () => notAnEventfd(this.eventfd, [this.eventfd]),
      EINVAL: () => this.#invalid(),
    })
  }

  /** The kernel's one answer to all it does not take; what is left once the request itself has been checked. */
  #invalid(): Reason {
    const { region, eventfd } = this
    if (otherThanEventfd(this.#device, [eventfd]) !== null) return notAnEventfd(eventfd, [eventfd])
    const because =
      region.index > pciRegionIndex.VFIO_PCI_BAR5_REGION_INDEX
        ? 'it writes by eventfd to BARs alone'
        : 'the MSI-X table is its own to write'
    return {
      code: 'NOT_SUPPORTED',
      because: `the kernel refuses, as ${because}`,
      facts: { region: region.name, offset: this.offset },
    }
  }

  #call(fd: number): void {
    const bytes = encode(vfioDeviceIoeventfd, {
      argsz: vfioDeviceIoeventfd.size,
      flags: sizeFlag[this.width],
      offset: this.region.offset + BigInt(this.offset),
      data: BigInt(this.value),
      fd,
    })
    this.#device.ioctl(requests.VFIO_DEVICE_IOEVENTFD, bytes)
  }

  #closeEventfd(): void {
    if (this.#owned) attempt('close an eventfd', () => this.#device.kernel.close(this.eventfd))
  }
}

const sizeFlag = {
  8: ioeventfdFlag.VFIO_DEVICE_IOEVENTFD_8,
  16: ioeventfdFlag.VFIO_DEVICE_IOEVENTFD_16,
  32: ioeventfdFlag.VFIO_DEVICE_IOEVENTFD_32,
  64: ioeventfdFlag.VFIO_DEVICE_IOEVENTFD_64,
} as const

const bytesOf = { 8: 1, 16: 2, 32: 4 } as const

const eventfd = v.optional(v.number())
const requested = v.union(
  [
    v.strictObject({ offset: v.number(), width: v.picklist([8, 16, 32]), value: v.number(), eventfd }),
    v.strictObject({ offset: v.number(), width: v.literal(64), value: v.bigint(), eventfd }),
  ],
  'must be { offset, width: 8, 16 or 32, value: a number } or { offset, width: 64, value: a bigint }',
)

function checkedWrite(region: DeviceRegion, request: IoeventfdRequest): v.InferOutput<typeof requested> {
  const write = checked('ioeventfd', requested, request)
  checkAccess(region, 'write', write.offset, write.width / 8)
  checkAlignment(region, write.offset, write.width / 8)
  if (write.width === 64) checkBigint(region, write.value)
  else checkNumber(region, write.value, bytesOf[write.width])
  if (write.eventfd !== undefined && !isDescriptor(write.eventfd)) {
    throw new VfioError('INVALID_ARGUMENT', `${write.eventfd} is not a file descriptor`, {
      facts: { eventfd: write.eventfd },
    })
  }
  return write
}
