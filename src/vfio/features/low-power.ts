import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { vfioDeviceLowPowerEntryWithWakeup } from '../../uapi/features.ts'
import { encode } from '../../uapi/struct.ts'
import { closeInOrder, orClose } from '../calls/close-in-order.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import type { DeviceFeatures } from '../calls/device-features.ts'
import { IrqVector } from '../irq/irq-vector.ts'
import { IrqWaiting, type WaitOptions } from '../irq/irq-waiting.ts'

/** Options for letting a device into low power. */
export interface LowPowerOptions {
  /** Be told when the device wakes up, and let it stay awake then. */
  readonly wakeup?: boolean
}

const lowPowerOptions = v.optional(v.strictObject({ wakeup: v.optional(v.boolean()) }), {})

/**
 * A device that may go into a low power state, until this is closed. Its mapped memory is gone meanwhile
 * (DEVICE_MEMORY_GONE), and a trapped access wakes it for its length. With `wakeup`, whatever wakes it (such an access,
 * or the device itself) ends it: the kernel leaves the device awake, and its mapped memory is there again.
 *
 * Whether the device really sleeps is up to it and to what the host's power management can do: one that never slept
 * does not wake up either.
 */
export class LowPower implements Disposable {
  readonly #device: Descriptor
  readonly #features: DeviceFeatures
  readonly #wakeup: { readonly vector: IrqVector; readonly waiting: IrqWaiting } | null
  #woken = false
  #closed = false

  /** Enters: `Device.enterLowPower` is what makes one. */
  constructor(device: Descriptor, features: DeviceFeatures, options?: LowPowerOptions) {
    const { wakeup = false } = checked('enterLowPower', lowPowerOptions, options, 'its options')
    this.#device = device
    this.#features = features
    this.#wakeup = wakeup ? this.#enterWithWakeup() : null
    if (!wakeup) features.set('low-power-entry', new Uint8Array(), entering(device))
    device.hold(this)
  }

  /** True once the device must stay awake again. */
  get closed(): boolean {
    return this.#closed
  }

  /**
   * The eventfd that a wake-up signals, for whoever else shall wait for it; null without `wakeup`. Closed with this.
   */
  get eventfd(): number | null {
    return this.#wakeup?.vector.eventfd ?? null
  }

  /**
   * Waits until the device has woken up; at once if it has. Rejects with INVALID_ARGUMENT without `wakeup`, with
   * INTERRUPT_TIMEOUT, with CLOSED, or with the signal's reason.
   */
  async woken(options?: Omit<WaitOptions, 'vector'>): Promise<void> {
    if (this.#wakeup === null) {
      throw new VfioError('INVALID_ARGUMENT', `nothing tells when ${this.#device.what} wakes up`, {
        hint: 'device.enterLowPower({ wakeup: true })',
      })
    }
    if (this.#woken) return
    try {
      await this.#wakeup.waiting.next(options)
    } catch (error) {
      if (this.#woken) return
      throw error
    }
    // who else waits is told too: there is one wake-up
    this.#wakeup.waiting.close()
  }

  /** The device stays awake from now on. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#device.release(this)
    closeInOrder([
      ...(this.#wakeup === null ? [] : [this.#wakeup.waiting]),
      { close: () => void this.#features.set('low-power-exit', new Uint8Array(), { goal: 'leave low power' }) },
      ...(this.#wakeup === null ? [] : [this.#wakeup.vector]),
    ])
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #enterWithWakeup(): { readonly vector: IrqVector; readonly waiting: IrqWaiting } {
    const { kernel, what } = this.#device
    const name = `the wake-up of ${what}`
    const vector = new IrqVector(kernel, name, { vector: 0, eventfd: null })
    const waiting = new IrqWaiting(kernel, name, {
      beforeWait: () => {},
      onEvent: () => {
        this.#woken = true
      },
    })
    return orClose([vector], () => {
      const data = encode(vfioDeviceLowPowerEntryWithWakeup, { wakeup_eventfd: vector.eventfd })
      this.#features.set('low-power-entry-with-wakeup', data, entering(this.#device))
      waiting.add(vector)
      return { vector, waiting }
    })
  }
}

function entering({ what }: Descriptor) {
  return {
    goal: 'enter low power',
    reasons: {
      EINVAL: () => ({
        code: 'DEVICE_BUSY' as const,
        because: `${what} is in low power already`,
        hint: 'close what enterLowPower returned first',
      }),
    },
  }
}
