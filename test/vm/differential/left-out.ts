import type { KernelVersion } from '../../../src/mock/kernel-traits.ts'
import { irqSetFlag } from '../../../src/uapi/irq-set.ts'
import type { Call, Struct, Target } from './call.ts'

/** A call that is made on neither kernel. */
interface LeftOut {
  readonly target: Target
  /** All that have it where absent. */
  readonly kernel?: KernelVersion
  readonly why: string
  isMet(call: Call): boolean
}

const uart = 2

const leftOut: readonly LeftOut[] = [
  {
    target: 'mtty',
    kernel: '6.1',
    why: 'its driver goes on with an eventfd that was given back',
    isMet: (call) =>
      isIoctl(call, 'VFIO_DEVICE_SET_IRQS') && (word(call.argument, 4) & irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER) !== 0,
  },
  {
    target: 'mtty',
    kernel: '6.1',
    why: 'its driver takes the kernel down where an interrupt is due and none is enabled',
    isMet: (call) => call.kind === 'pwrite' && call.region < uart,
  },
  {
    target: 'mtty',
    why: 'its driver reads past the end of its configuration space',
    isMet: (call) => call.kind === 'pread' && call.region === 7 && call.offset + call.length > 0xff,
  },
  {
    target: 'mtty',
    kernel: '6.12',
    why: 'a change of state on the ways from running never comes back',
    isMet: (call) =>
      isIoctl(call, 'VFIO_DEVICE_FEATURE') &&
      (word(call.argument, 4) & 0xffff) === 2 &&
      (word(call.argument, 4) & 0x2_0000) !== 0,
  },
]

/** Why this call on a device of this kind is left out, or null. */
export function whyLeftOut(call: Call, target: Target | null, kernel: KernelVersion): string | null {
  const found = leftOut.find((it) => it.target === target && (it.kernel ?? kernel) === kernel && it.isMet(call))
  return found?.why ?? null
}

/**
 * The bytes of an answer that a driver fills in. mtty sets the first byte of an access to a register alone, and none where
 * nothing was received: the others are what its stack held.
 */
export function filledIn(bytes: Uint8Array, target: Target | null, region: number, offset: number): Uint8Array {
  if (target !== 'mtty' || region >= uart) return bytes
  return bytes.length === 1 && offset > 0 && offset < 8 ? bytes : new Uint8Array()
}

function isIoctl(call: Call, request: string): call is Extract<Call, { kind: 'ioctl' }> {
  return call.kind === 'ioctl' && call.request === request
}

function word(argument: Struct | number | null, at: number): number {
  return typeof argument === 'object' && argument !== null ? Buffer.from(argument.bytes, 'hex').readUInt32LE(at) : 0
}
