import { channel } from 'node:diagnostics_channel'
import { constants, openSync, writeSync } from 'node:fs'
import { errnoMeaning } from '../../base/errno.ts'
import { isSystemError } from '../../base/system-error.ts'

/** One call of a kernel, for subscribers of the diagnostics channel 'vfioctl:syscall'. */
export interface TracedCall {
  /** The system call: 'ioctl', 'open', 'pread', 'write', … */
  readonly name: string
  /** As in a line: `7</dev/vfio/12>, VFIO_DEVICE_GET_INFO, {argsz=24}`. */
  readonly arguments: string
  /** The value it returned; null if it failed, or returns nothing. */
  readonly result: number | null
  /** The answer beside the value: the struct as the kernel left it, or what was read; null for nothing. */
  readonly answer: string | null
  /** 'EBUSY', or null. */
  readonly errno: string | null
  readonly nanoseconds: bigint
  /** All of it: `ioctl(7</dev/vfio/12>, VFIO_DEVICE_GET_INFO, {argsz=24}) = 0 {argsz=24, flags=PCI, num_regions=9}`. */
  readonly line: string
}

/** Name of the channel that publishes the calls (node:diagnostics_channel). */
export const syscallChannel = 'vfioctl:syscall'

/** Receiver of traced calls. */
export interface Trace {
  readonly say: (call: TracedCall) => void
}

/**
 * By the environment's VFIOCTL_TRACE, '1' for stderr or else the path of a file, and by the channel's subscribers; null
 * if nobody listens: then nothing is wrapped and nothing costs.
 */
export function wantedTrace(environment: Readonly<Record<string, string | undefined>>): Trace | null {
  const subscribers = channel(syscallChannel)
  const named = environment['VFIOCTL_TRACE'] ?? ''
  const write = named === '' || named === '0' ? null : lineWriter(named)
  if (write === null && !subscribers.hasSubscribers) return null
  return {
    say(call) {
      if (subscribers.hasSubscribers) subscribers.publish(call)
      write?.(`${call.line}\n`)
    },
  }
}

/** A trace that cannot be written changes nothing of the program: it is said once, and no more is written. */
function lineWriter(named: string): (line: string) => void {
  let fd: number | null = 2
  const failed = (error: unknown) => {
    fd = null
    const why = isSystemError(error) ? `${errnoMeaning(error.code)} (${error.code})` : String(error)
    process.emitWarning(`VFIOCTL_TRACE=${named} cannot be written: ${why}`)
  }
  if (named !== '1') {
    try {
      // made for its owner alone; no link is followed to another's file
      const flags =
        constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW | constants.O_NOCTTY
      fd = openSync(named, flags | constants.O_NONBLOCK, 0o600)
    } catch (error) {
      failed(error)
    }
  }
  return (line) => {
    if (fd === null) return
    try {
      writeSync(fd, line)
    } catch (error) {
      failed(error)
    }
  }
}
