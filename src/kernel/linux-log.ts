import { closeSync, constants, openSync, readSync } from 'node:fs'
import { failedWith } from '../base/system-error.ts'
import { type KernelLog, type LogRecord, parseLogRecord } from './kernel-log.ts'

/** A read gives one record, of at most so many bytes (CONSOLE_EXT_LOG_MAX). */
const record = Buffer.allocUnsafeSlow(8192)
const maxRecords = 1000
/** More than a log has: if another process fills it faster than we read, it is not read to its end. */
const maxReads = 1_000_000

/** The records for one listener since it read last. */
type Said = LogRecord[]

/**
 * The log, as long as somebody listens: opened once for all of them. It opens at its oldest record and node:fs has no
 * lseek(2), so that to come to its end takes a read for each of the thousands it may have.
 */
let open: { readonly fd: number; readonly listeners: Set<Said> } | null = null

/** Null if it may not be read: CAP_SYSLOG, unless kernel.dmesg_restrict is 0. */
export function followLog(): KernelLog | null {
  const log = open ?? openLog()
  if (log === null) return null
  const { fd, listeners } = log
  open = log
  readOn(fd, listeners)
  const said: Said = []
  listeners.add(said)
  return {
    read() {
      readOn(fd, listeners)
      return said.splice(0)
    },
    close() {
      if (!listeners.delete(said) || listeners.size > 0) return
      closeSync(fd)
      open = null
    },
  }
}

function openLog(): typeof open {
  try {
    return { fd: openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK), listeners: new Set() }
  } catch {
    return null
  }
}

/** Tells each listener what it has not heard yet, the first thousand records of it. */
function readOn(fd: number, listeners: ReadonlySet<Said>): void {
  for (let reads = 0; reads < maxReads; reads++) {
    try {
      const length = readSync(fd, record)
      if (listeners.size === 0) continue
      const parsed = parseLogRecord(record.toString('utf8', 0, length))
      if (parsed !== null) for (const said of listeners) if (said.length < maxRecords) said.push(parsed)
    } catch (error) {
      // EPIPE: records were overwritten before they were read; the next read goes on after them.
      if (!failedWith(error, 'EPIPE')) return
    }
  }
}
