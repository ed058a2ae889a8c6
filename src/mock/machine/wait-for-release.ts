import type { Machine } from './machine.ts'

/** Milliseconds until the kernel asks once more (vfio_unregister_group_dev). */
const askAgain = 10_000

/**
 * Waits as the kernel does for devices that are to be let go, by their keys: who has one open is asked at once, and
 * again every ten seconds, until `isOver`.
 */
export async function waitForRelease(
  { clock, openDevices, waitUntil }: Machine,
  keys: readonly string[],
  isOver: () => boolean,
): Promise<void> {
  let callOff = () => {}
  const ask = () => {
    callOff = clock.after(askAgain, ask)
    for (const key of keys) openDevices.get(key)?.model.requestRelease?.()
  }
  ask()
  try {
    await waitUntil(isOver)
  } finally {
    callOff()
  }
}
