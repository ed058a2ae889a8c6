import { kernelOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { systemError } from '../../base/system-error.ts'
import type { IoctlPointer } from '../../kernel/kernel.ts'
import { callKey, deviceFileName, recordedArgument, tiedDescriptor } from '../../kernel/recording/recorded-call.ts'
import type {
  RecordedCall,
  RecordedDevice,
  RecordedDeviceFile,
  RecordedHost,
} from '../../kernel/recording/recorded-host.ts'
import { refused } from './recorded-files.ts'

/** A recording of one file while a device was opened. */
interface Answers {
  readonly error: RecordedDeviceFile['error']
  /** In the order in which they came, by their questions. */
  readonly calls: ReadonlyMap<string, readonly RecordedCall[]>
  readonly bytes: readonly { readonly at: number; readonly content: Uint8Array }[]
}

/** A device's files by their names. */
type Session = ReadonlyMap<string, Answers>

/** A file of VFIO that is open: of those devices that its use so far may have been for. */
export class RecordedOpening {
  readonly file: string
  sessions: readonly Session[]
  /** Number of times that each question was asked. */
  readonly asked: Map<string, number> = new Map()

  constructor(file: string, sessions: readonly Session[]) {
    this.file = file
    this.sessions = sessions
  }
}

/**
 * The devices that were opened while a host was recorded. They answer as they did then; the same question asked once
 * more gets the answer that came next, and the last one again. A container is of several devices until a group or
 * device is tied to it.
 */
export class RecordedDevices {
  readonly #sessions: readonly Session[]
  readonly #isOurOrder: boolean

  constructor({ devices, byteOrder }: RecordedHost) {
    this.#sessions = devices.map(sessionOf)
    this.#isOurOrder = (byteOrder === 'little') === kernelOrder
  }

  /** open(2) of a node. NOT_SUPPORTED if no device was recorded with it. */
  open(path: string): RecordedOpening {
    const sessions = this.#sessions.filter((session) => session.has(path))
    const [first] = sessions
    if (first === undefined) throw notRecorded(`open ${path}`)
    const error = first.get(path)?.error
    if (error !== undefined && sessions.every((session) => session.get(path)?.error !== undefined)) {
      throw refused(error, 'open', path)
    }
    if (!this.#isOurOrder) {
      throw new VfioError('NOT_SUPPORTED', `cannot open ${path}: it was recorded on a machine of another byte order`)
    }
    return new RecordedOpening(
      path,
      sessions.filter((session) => session.get(path)?.error === undefined),
    )
  }

  /** ioctl(2): a number, or the file that it has made. */
  ioctl(
    file: RecordedOpening,
    request: number,
    argument: Uint8Array | number | undefined,
    pointers: readonly IoctlPointer[],
    opened: (fd: number) => RecordedOpening | undefined,
  ): number | RecordedOpening {
    const question = recordedArgument(request, argument, pointers)
    const key = callKey({ request, ...question })
    const sessions = file.sessions.filter((session) => session.get(file.file)?.calls.has(key))
    const answers = sessions[0]?.get(file.file)?.calls.get(key) ?? []
    const time = file.asked.get(key) ?? 0
    const answer = answers[Math.min(time, answers.length - 1)]
    if (answer === undefined) throw notRecorded(`ask ${file.file} that (ioctl ${request.toString(16)})`)
    file.sessions = sessions
    file.asked.set(key, time + 1)
    tie(file, opened(tiedDescriptor(request, argument) ?? -1))
    fill(argument, answer.answer, pointers)
    for (const [index, { target, at = 0 }] of pointers.entries()) {
      const bytes = target instanceof Uint8Array ? target : target.view()
      bytes.set(Buffer.from(answer.pointed?.[index] ?? '', 'hex').subarray(0, bytes.length - at), at)
    }
    if (answer.error !== undefined) throw refused(answer.error, 'ioctl')
    if (question.name === undefined) return answer.result
    const made = deviceFileName(question.name)
    return new RecordedOpening(
      made,
      sessions.filter((session) => session.has(made)),
    )
  }

  /** pread(2): as much as was recorded from there on. NOT_SUPPORTED if nothing was. */
  pread({ file, sessions }: RecordedOpening, into: Uint8Array, offset: number): number {
    for (const { at, content } of sessions[0]?.get(file)?.bytes ?? []) {
      if (offset < at || offset + into.length > at + content.length) continue
      into.set(content.subarray(offset - at, offset - at + into.length))
      return into.length
    }
    throw notRecorded(`read ${into.length} bytes of ${file}`)
  }
}

function sessionOf({ files }: RecordedDevice): Session {
  const session = new Map<string, Answers>()
  for (const { file, error, calls, bytes } of files) {
    const known = session.get(file)
    const byKey = new Map(known?.calls)
    for (const call of calls) byKey.set(callKey(call), [...(byKey.get(callKey(call)) ?? []), call])
    session.set(file, {
      error: known === undefined ? error : (known.error ?? error),
      calls: byKey,
      bytes: [...(known?.bytes ?? []), ...bytes.map(({ at, hex }) => ({ at, content: Buffer.from(hex, 'hex') }))],
    })
  }
  return session
}

/** A container and the group in it, or a device and its iommufd, are of the same device. */
function tie(file: RecordedOpening, to: RecordedOpening | undefined): void {
  if (to === undefined) return
  const both = to.sessions.filter((session) => file.sessions.includes(session))
  if (both.length === 0) throw systemError('EINVAL', 'ioctl')
  file.sessions = both
  to.sessions = both
}

/** Fields of addresses stay the caller's. */
function fill(
  argument: Uint8Array | number | undefined,
  answer: string | undefined,
  pointers: readonly IoctlPointer[],
): void {
  if (typeof argument !== 'object' || answer === undefined) return
  const kept = pointers.map(({ offset }) => [offset, argument.slice(offset, offset + 8)] as const)
  argument.set(Buffer.from(answer, 'hex').subarray(0, argument.length))
  for (const [offset, bytes] of kept) argument.set(bytes, offset)
}

function notRecorded(what: string): VfioError {
  return new VfioError('NOT_SUPPORTED', `cannot ${what}: that was not asked when this host was recorded`, {
    hint: 'vfioctl capture FILE DEVICE, on that host, records what VFIO answers of a device',
  })
}
