import { asVfioError, mistakeIn, VfioError } from '../../base/errors.ts'
import { isSystemError } from '../../base/system-error.ts'
import { exitCode } from '../command/exit-codes.ts'
import type { Io } from '../io/io.ts'
import { paint } from '../io/paint.ts'
import { jsonLine } from './output.ts'
import { forSameHost, type GivenHost } from './same-host.ts'

/** The form in which a failure is shown, and the host that it is about. */
export interface Shown extends GivenHost {
  readonly json: boolean
  readonly verbose: number
  /** The command that was named, or null. */
  readonly command: string | null
}

/** Says what went wrong on stderr, in one line and a hint or as one JSON object, and gives the exit status. */
export function reportFailure(error: unknown, { json, verbose, command, ...host }: Shown, io: Pick<Io, 'err'>): number {
  const mistake = error instanceof VfioError ? mistakeIn(error) : error
  const failure = error instanceof VfioError && mistake === null ? error : unexpected(mistake)
  const status = exitCode(failure.code)
  const usage = status === 2 && command !== null ? `vfioctl ${command} --help` : null
  const told = toldError(failure, host)
  const { message } = told
  const hint = told.hint ?? usage
  if (json) {
    io.err(jsonLine({ error: { ...told, hint, exitCode: status } }))
    return status
  }
  io.err(`${paint('red', 'vfioctl:')} ${message}\n`)
  if (hint !== null) io.err(`${paint('dim', 'hint:')} ${hint}\n`)
  if (verbose > 1) for (const line of stackOf(error).split('\n')) io.err(`${line}\n`)
  return status
}

type ToldError = Pick<VfioError, 'code' | 'message' | 'hint' | 'errno' | 'errnoNumber' | 'syscall' | 'path' | 'facts'>

/** An error as JSON tells it, with the commands that it names for the host that was given. */
export function toldError(error: VfioError, host: GivenHost): ToldError {
  const { code, errno, errnoNumber, syscall, path, facts } = error
  const hint = error.hint === null ? null : forSameHost(error.hint, host)
  return { code, message: forSameHost(error.message, host), hint, errno, errnoNumber, syscall, path, facts }
}

/** An unforeseen failure as a `VfioError`: a system call's that nobody worded, or a mistake of this program. */
function unexpected(error: unknown): VfioError {
  const message = error instanceof Error ? error.message : String(error)
  if (isSystemError(error)) return asVfioError(error)
  return new VfioError('SYSTEM_CALL_FAILED', `unexpected: ${message.replaceAll('\n', ' ')}`, {
    cause: error,
    hint: 'this is a mistake in vfioctl; run it again with -vv and report what it prints',
  })
}

function stackOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const cause = error.cause === undefined ? '' : `\ncaused by: ${stackOf(error.cause)}`
  return `${error.stack ?? error.message}${cause}`
}
