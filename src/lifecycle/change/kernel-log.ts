import { VfioError, withMore } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { boundDriver } from '../../host/group-members.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { LogRecord } from '../../kernel/kernel-log.ts'

/** A device, for finding its lines in the kernel's log. */
export interface LogSubject {
  /** Its UUID, or its address. */
  readonly name: string
  /** The folder in sysfs of the device that its driver drives. */
  readonly card: string
}

/** Lines that an error shows, of however many there were. */
const maxLines = 10

/** Runs `work`. If it fails, the error has what was said meanwhile of the device, its card or their driver. */
export async function withKernelLog<T>(kernel: Kernel, subject: LogSubject, work: () => Promise<T>): Promise<T> {
  const log = kernel.followLog()
  try {
    return await work()
  } catch (error) {
    const lines = log === null ? [] : linesAbout(log.read(), logNames(kernel.files, subject))
    throw error instanceof VfioError && lines.length > 0 ? withLines(error, lines) : error
  } finally {
    log?.close()
  }
}

/** Runs work on many devices: the log is opened, and read to where it is now, once for all of them. */
export async function withSharedKernelLog<T>(kernel: Kernel, work: () => Promise<T>): Promise<T> {
  const log = kernel.followLog()
  try {
    return await work()
  } finally {
    log?.close()
  }
}

function withLines(error: VfioError, lines: readonly string[]): VfioError {
  return withMore(error, `the kernel says: ${lines.join(' | ')}`, { facts: { kernelLog: lines } })
}

/** Its last lines: what was said just before the answer. */
function linesAbout(records: readonly LogRecord[], names: readonly string[]): string[] {
  return records
    .filter(({ message, device }) => names.some((name) => message.includes(name) || device?.endsWith(`:${name}`)))
    .slice(-maxLines)
    .map(({ message }) => printable(message))
}

/** Names in its driver's lines: the device, its card, of a virtual function the physical one, and the driver itself. */
function logNames(files: HostFiles, { name, card }: LogSubject): string[] {
  const driver = boundDriver(files, `${card}/driver`)
  const physical = boundDriver(files, `${card}/physfn`)
  const names = [name, card.split('/').at(-1) ?? name, physical, driver, driver === 'nvidia' ? 'NVRM' : null]
  return names.filter((it) => it !== null)
}
