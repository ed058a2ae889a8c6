import { setTimeout } from 'node:timers/promises'
import { asVfioError, VfioError } from '../../base/errors.ts'
import { onDeviceEvents } from '../../host/on-device-events.ts'
import type { Warning } from '../../host/warning.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { TypeFilter } from '../device/device-type.ts'
import { readDeviceTypes } from '../kinds/device-types.ts'
import { list } from '../kinds/list.ts'
import { DefinitionFolders } from './definition-folders.ts'
import { changesBetween, type HostChange, type HostPicture, pictureOf } from './host-change.ts'

/** The time between looks at the host, in milliseconds: without events, and besides them. */
const intervals = { pollInterval: 1000, safetyInterval: 10_000 }

/** The wait after an event, so that what comes together is told together: in milliseconds, and in times of a look. */
const shortestRest = 50
const restPerLook = 5

/**
 * First all that is present, then each change, nothing between them lost, until `signal` is aborted, which rejects with
 * its reason. What comes and goes again within one burst of events is not told. `parent` leaves what is of it, or of
 * its virtual functions; warnings are of the whole host.
 */
export async function* watchHost(
  kernel: Kernel,
  { signal, ...filter }: { readonly signal?: AbortSignal; readonly parent?: string } = {},
): AsyncGenerator<HostChange, never, undefined> {
  const wakeup = new Wakeup(signal)
  const folders = new DefinitionFolders(kernel, wakeup.wake)
  const silence: Warning[] = []
  const endEvents = onDeviceEvents(kernel, wakeup.wake, intervals, (reason) => {
    if (!(reason instanceof VfioError)) return
    silence.push({ path: reason.path ?? '/sys', message: `${reason.message}; looking once a second` })
    wakeup.wake()
  })
  const end = () => {
    folders.close()
    return endEvents()
  }
  // Nobody may ask for more of a watch that has ended: it lets go of what it holds all the same.
  signal?.addEventListener('abort', end)
  let before: HostPicture | null = null
  try {
    for (;;) {
      signal?.throwIfAborted()
      wakeup.forget()
      const began = performance.now()
      folders.listen()
      const now = lookOrFail(kernel, filter, silence)
      const rest = Math.max(shortestRest, restPerLook * (performance.now() - began))
      yield* changesBetween(before, now)
      before = now
      await wakeup.happened()
      signal?.throwIfAborted()
      await setTimeout(rest)
    }
  } finally {
    signal?.removeEventListener('abort', end)
    wakeup.close()
    await end()
  }
}

function lookOrFail(kernel: Kernel, filter: TypeFilter, silence: readonly Warning[]): HostPicture {
  try {
    return look(kernel, filter, silence)
  } catch (error) {
    throw asVfioError(error)
  }
}

function look({ files }: Kernel, filter: TypeFilter, silence: readonly Warning[]): HostPicture {
  const { devices, warnings } = list(files, filter)
  const types = readDeviceTypes(files, filter)
  return pictureOf(devices, types.types, [...silence, ...types.warnings, ...warnings])
}

/** Remembers that something happened until somebody waits for it. */
class Wakeup {
  readonly #signal: AbortSignal | undefined
  #isAwake = false
  #resolve: () => void = () => {}

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal
    signal?.addEventListener('abort', this.wake)
  }

  readonly wake = (): void => {
    this.#isAwake = true
    this.#resolve()
  }

  async happened(): Promise<void> {
    if (this.#isAwake) return
    await new Promise<void>((resolve) => {
      this.#resolve = resolve
    })
  }

  /** From here on, what happens is new. */
  forget(): void {
    this.#isAwake = false
  }

  close(): void {
    this.#signal?.removeEventListener('abort', this.wake)
  }
}
