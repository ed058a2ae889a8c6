import { VfioError } from '../base/errors.ts'
import type { Watch } from './kernel.ts'
import { openUdevMonitor } from './libudev.ts'
import { checkUeventsCome } from './uevent-namespace.ts'
import type { Uevent } from './uevents.ts'

/**
 * `watch` is the kernel's own, on the monitor's descriptor. Null if nothing tells of devices; rejects with
 * NOT_SUPPORTED if the kernel tells other namespaces alone.
 */
export async function watchUevents(
  watch: (fd: number, onReadable: () => void) => Watch,
  listener: (event: Uevent) => void,
): Promise<Watch | null> {
  const monitor = await openUdevMonitor()
  if (monitor === null) return null
  try {
    checkUeventsCome()
  } catch (error) {
    monitor.close()
    if (error instanceof VfioError && error.code === 'ADDON_MISSING') return null
    throw error
  }
  let closed = false
  const takeSome = () => {
    // Not all of a flood at once: others on this loop have their turn too. The listener may close it meanwhile.
    for (let count = 0; count < 100 && !closed; count++) {
      const event = monitor.receive()
      if (event === null) return
      listener(event)
    }
  }
  let readiness: Watch
  try {
    readiness = watch(monitor.fd, takeSome)
  } catch (error) {
    monitor.close()
    if (error instanceof VfioError && error.code === 'ADDON_MISSING') return null
    throw error
  }
  return {
    ref: () => readiness.ref(),
    unref: () => readiness.unref(),
    close() {
      if (closed) return
      closed = true
      readiness.close()
      monitor.close()
    },
  }
}
