/**
 * ffi-rs, for calls into libraries of the host; null if it is not installed, and in a Worker: once one that loaded it
 * ends, the process crashes (seen with 1.3.7). No call here may return an unsigned 64-bit number: 1.3.7 gives one from
 * 2^63 on as a negative one. What ours return are ints, pointers and text.
 */
export async function loadFfi(): Promise<typeof import('ffi-rs') | null> {
  // Not loaded with this module: it would cost the start of every command some of its time.
  const { isMainThread } = await import('node:worker_threads')
  return isMainThread ? import('ffi-rs').catch(() => null) : null
}
