import { VfioError } from '../../base/errors.ts'
import { counted } from '../../base/units.ts'
import type { Device } from '../../vfio/device.ts'
import type { Irq } from '../../vfio/irq/irq.ts'

/** Conditions that end a watch of interrupts. */
export interface WatchLimits {
  /** Ends the watch with INTERRUPTED. */
  readonly interruption: AbortSignal
  /** Ends it without a word. */
  readonly readerGone: AbortSignal
  /** Ends it after so many events. */
  readonly count?: number
  /** Ends it after so long: with INTERRUPT_TIMEOUT if `count` events did not come. */
  readonly timeoutMs?: number
}

/** An event as JSON: `count` is the eventfd's, the number of its signals since the last event. */
export interface WatchedEvent {
  readonly time: string
  readonly device: string
  readonly irq: string
  readonly vector: number
  readonly count: number
}

/**
 * Enables the vectors (null: all of them) and tells each event until a limit is reached. Closing the device disables
 * them.
 */
export async function watchIrq(
  device: Device,
  irq: Irq,
  vectors: readonly number[] | null,
  limits: WatchLimits,
  tell: (event: WatchedEvent) => void,
): Promise<void> {
  const { interruption, readerGone, count = Number.POSITIVE_INFINITY, timeoutMs } = limits
  const timeUp = new AbortController()
  const timer = timeoutMs === undefined ? undefined : setTimeout(() => timeUp.abort(), timeoutMs)
  const signal = AbortSignal.any([interruption, readerGone, timeUp.signal])
  let seen = 0
  try {
    const all = Array.from({ length: irq.count }, (_, vector) => vector)
    const enabled = irq.enable(vectors ?? all, { autoUnmask: irq.flags.automasked })
    for await (const event of enabled.events({ signal })) {
      tell({
        time: new Date().toISOString(),
        device: device.name,
        irq: irq.name,
        vector: event.vector,
        count: event.count,
      })
      seen++
      if (seen >= count) return
    }
  } catch (error) {
    if (!signal.aborted || error !== signal.reason) throw error
  } finally {
    clearTimeout(timer)
  }
  if (readerGone.aborted) return
  if (interruption.aborted) {
    throw new VfioError('INTERRUPTED', `interrupted; ${irq.name} of ${device.name} had ${counted(seen, 'event')}`, {
      hint: '--count N or --timeout SECONDS end a watch by themselves',
    })
  }
  if (limits.count !== undefined) {
    throw new VfioError(
      'INTERRUPT_TIMEOUT',
      `${irq.name} of ${device.name} had ${seen} of ${counted(count, 'event')} in time`,
      {
        hint: 'a longer --timeout; msi and msix need --bus-master',
        facts: { irq: irq.name, seen, count },
      },
    )
  }
}
