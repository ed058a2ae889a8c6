import fs, { constants } from 'node:fs'
import { type KernelLog, type LogRecord, parseLogRecord } from './kernel-log.ts'
import { failedWith } from './system-error.ts'

/** A read gives one record, of at most so many bytes (CONSOLE_EXT_LOG_MAX). */
const record = Buffer.allocUnsafeSlow(8192)
const mostRecords = 1000
/** More than a log has: where another process fills it faster than we read, it is not read to its end. */
const mostReads = 1_000_000

/** Null where it may not be read: CAP_SYSLOG, unless kernel.dmesg_restrict is 0. */
export function followLog(): KernelLog | null {
  let fd: number
  try {
    fd = fs.openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK)
  } catch {
    return null
  }
  // It opens at the oldest record, and node:fs has no lseek(2).
  readRecords(fd, () => {})
  return {
    read() {
      const found: LogRecord[] = []
      readRecords(fd, (length) => {
        const parsed = found.length < mostRecords ? parseLogRecord(record.toString('utf8', 0, length)) : null
        if (parsed !== null) found.push(parsed)
      })
      return found
    },
    close: () => fs.closeSync(fd),
  }
}

function readRecords(fd: number, take: (length: number) => void): void {
  for (let reads = 0; reads < mostReads; reads++) {
    try {
      take(fs.readSync(fd, record))
    } catch (error) {
      // EPIPE: records were overwritten before they were read; the next read goes on after them.
      if (!failedWith(error, 'EPIPE')) return
    }
  }
}
