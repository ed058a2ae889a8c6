import { type CommandWord, ccwCommand, ccwSize } from '../../uapi/ccw/channel-command.ts'
import type { OperationRequest } from '../../uapi/ccw/operation-request.ts'
import type { SubchannelStatusParts } from '../../uapi/ccw/subchannel-status.ts'
import { isTransfer } from './ccw-chains.ts'
import { type DataPiece, movesData } from './ccw-data.ts'
import type { ChannelDevice } from './channel-device.ts'

/** Commands that one program carries out at most: a loop that no device ends is a program check here. */
const patience = 65_536

/** Channel program to run, its device and its memory. */
export interface ChannelRun {
  readonly orb: OperationRequest
  readonly commands: ReadonlyMap<number, CommandWord>
  readonly device: ChannelDevice
  /** Pieces of memory with a command's data. */
  pieces(word: CommandWord): readonly DataPiece[]
  /** Puts bytes into the memory of the program. */
  store(iova: bigint, bytes: Uint8Array): void
}

/** Status at a program's end, and the sense bytes that came with a unit check. */
export interface ProgramEnd {
  readonly status: SubchannelStatusParts
  readonly sense: Uint8Array | null
}

/** Carries a channel program out, as a channel subsystem does. */
export function runProgram(run: ChannelRun): ProgramEnd {
  let at = run.orb.program
  let cameByTransfer = false
  for (let step = 0; step < patience; step++) {
    const word = run.commands.get(at)
    const program = at + ccwSize
    if (word === undefined || isInvalid(word, run.orb)) return programCheck(program)
    if (word.flags.suspend) return run.orb.flags.suspend ? suspended(program) : programCheck(program)
    if (isTransfer(word)) {
      if (cameByTransfer) return programCheck(program)
      at = word.address
      cameByTransfer = true
      continue
    }
    cameByTransfer = false
    const { data, sense } = run.device.perform(word.command)
    const moved = transfer(run, word, data)
    const residualCount = word.count - moved
    if (sense !== null) {
      const { status } = ended({ program, residualCount, device: { unitCheck: true }, status: { alert: true } })
      return { status, sense }
    }
    const isWrong = word.command !== ccwCommand.CCW_CMD_NOOP && (data.length > moved || residualCount > 0)
    if (isWrong && (!word.flags.suppressLength || word.flags.chainData)) {
      return ended({ program, residualCount, subchannel: { incorrectLength: true }, status: { alert: true } })
    }
    if (!word.flags.chainCommand && !word.flags.chainData) return ended({ program, residualCount })
    at += ccwSize
  }
  return programCheck(at)
}

function transfer(run: ChannelRun, word: CommandWord, data: Uint8Array): number {
  const length = Math.min(word.count, data.length)
  if (!movesData(word)) return length
  let moved = 0
  for (const piece of run.pieces(word)) {
    const part = data.subarray(moved, Math.min(length, moved + piece.length))
    if (part.length > 0) run.store(piece.iova, part)
    moved += part.length
  }
  return moved
}

function isInvalid({ command, count, flags }: CommandWord, orb: OperationRequest): boolean {
  const kind = command & 0x0f
  if (kind === 0) return true
  if (kind === ccwCommand.CCW_CMD_TIC) return command !== kind || count !== 0 || Object.values(flags).includes(true)
  return count === 0 && !orb.flags.format1
}

function ended({ device, status, ...parts }: SubchannelStatusParts): ProgramEnd {
  const whole = {
    functions: { start: true },
    status: { pending: true, primary: true, secondary: true, ...status },
    device: { channelEnd: true, deviceEnd: true, ...device },
    ...parts,
  }
  return { status: whole, sense: null }
}

function programCheck(program: number): ProgramEnd {
  const status = {
    functions: { start: true },
    status: { pending: true, primary: true, secondary: true, alert: true },
    subchannel: { programCheck: true },
    program,
  }
  return { status, sense: null }
}

function suspended(program: number): ProgramEnd {
  const status = {
    functions: { start: true },
    activity: { suspended: true },
    status: { pending: true, intermediate: true },
    program,
  }
  return { status, sense: null }
}
