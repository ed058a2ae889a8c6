/**
 * ffi-rs, for calls into libraries of the host; null where it is not installed, and in a Worker: once one that loaded it
 * ends, the process crashes (seen with 1.3.7).
 */
export async function loadFfi(): Promise<typeof import('ffi-rs') | null> {
  // Not loaded with this module: it would cost the start of every command some of its time.
  const { isMainThread } = await import('node:worker_threads')
  return isMainThread ? import('ffi-rs').catch(() => null) : null
}
