/** Messages of the kernel and its drivers (printk), from the moment on that somebody begins to listen. */
export interface KernelLog {
  /** The records since listening began, or since the last call; the first thousand of them. */
  read(): LogRecord[]
  /** Stops listening. Idempotent. */
  close(): void
}

/** A record of the kernel’s log (/dev/kmsg). */
export interface LogRecord {
  /** One line; what does not print is escaped as the kernel does: '\x1b'. */
  readonly message: string
  /** The device that it is about ('+pci:0000:3b:00.0', '+mdev:83b8…'), if its driver says so. */
  readonly device: string | null
}

/**
 * One record of /dev/kmsg (Documentation/ABI/testing/dev-kmsg): 'PRIORITY,SEQUENCE,MICROSECONDS,FLAGS;MESSAGE', then
 * lines ' KEY=VALUE'. Null for what is none, and for what programs wrote: only the kernel's own facility is 0.
 */
export function parseLogRecord(text: string): LogRecord | null {
  const [head = '', ...rest] = text.split('\n')
  const [, priority, message] = /^(\d{1,10}),\d+,\d+,[^;]*;(.*)$/.exec(head) ?? []
  if (priority === undefined || message === undefined || Number(priority) > 7) return null
  const device = rest.find((line) => line.startsWith(' DEVICE='))?.slice(' DEVICE='.length)
  return { message, device: device ?? null }
}
