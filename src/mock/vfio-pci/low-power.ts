import { deviceFeatures, vfioDeviceLowPowerEntryWithWakeup } from '../../uapi/features.ts'
import { decode } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { Eventfd } from '../descriptors/eventfd.ts'
import type { CallingProcess, Feature } from '../sdk/feature.ts'

/**
 * Low power as vfio-pci gives it to its user: from entry to exit no mapping answers, and with a wake-up eventfd the
 * first access ends it. The power state itself is not modelled: a function is asleep as soon as it may be.
 */
export class LowPower {
  readonly features: ReadonlyMap<number, Feature> = new Map<number, Feature>([
    [deviceFeatures['low-power-entry'].id, { size: 0, set: () => this.#enter(null) }],
    [
      deviceFeatures['low-power-entry-with-wakeup'].id,
      { size: vfioDeviceLowPowerEntryWithWakeup.size, set: (data, process) => this.#enter(wakeupOf(data, process)) },
    ],
    [deviceFeatures['low-power-exit'].id, { size: 0, set: () => this.#exit() }],
  ])
  readonly #onChange: () => void
  #isAsleep = false
  #wakeup: Eventfd | null = null

  /** `onChange`: it has fallen asleep or is awake. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get isAsleep(): boolean {
    return this.#isAsleep
  }

  /** The function is accessed otherwise than through a mapping. */
  access(): void {
    if (this.#wakeup === null) return
    this.#wakeup.signal()
    this.#leave()
  }

  #enter(wakeup: Eventfd | null): number {
    if (this.#isAsleep) throw new Errno('EINVAL')
    this.#isAsleep = true
    this.#wakeup = wakeup
    this.#onChange()
    return 0
  }

  #exit(): number {
    this.#leave()
    return 0
  }

  #leave(): void {
    this.#isAsleep = false
    this.#wakeup = null
    this.#onChange()
  }
}

function wakeupOf(data: Uint8Array, { fds }: CallingProcess): Eventfd {
  const { wakeup_eventfd } = decode(vfioDeviceLowPowerEntryWithWakeup, data)
  if (wakeup_eventfd < 0) throw new Errno('EINVAL')
  const file = fds.get(wakeup_eventfd)
  if (!(file instanceof Eventfd)) throw new Errno('EINVAL')
  return file
}
