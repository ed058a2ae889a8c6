import { type CommandWord, ccwCommand, ccwSize, decodeCommandWord } from '../../uapi/ccw/channel-command.ts'
import type { OperationRequest } from '../../uapi/ccw/operation-request.ts'
import { Errno } from '../base/errno.ts'
import type { GuestMemory } from '../memory/guest-memory.ts'

/** CCWCHAIN_LEN_MAX and CCWCHAIN_COUNT_MAX. */
const longest = 256
const most = 16

/** Commands that follow one another in memory. */
interface Chain {
  readonly start: number
  readonly words: readonly CommandWord[]
}

/**
 * The commands of a channel program by their addresses, as vfio_ccw copies them (drivers/s390/cio/vfio_ccw_cp.c): 2 KiB
 * from the first on, and from where a transfer leads on. EINVAL for a chain without an end, for too many, and if
 * nothing is mapped.
 */
export function fetchCommands(orb: OperationRequest, memory: GuestMemory): ReadonlyMap<number, CommandWord> {
  const chains: Chain[] = []
  const waiting = [orb.program]
  for (let start = waiting.pop(); start !== undefined; start = waiting.pop()) {
    if (chains.length > 0 && isIn(chains, start)) continue
    const words = fetchChain(start, orb, memory)
    if (chains.length >= most) throw new Errno('EINVAL')
    chains.push({ start, words })
    waiting.push(...words.filter(isTransfer).map(({ address }) => address))
  }
  return new Map(
    chains.flatMap(({ start, words }) => words.map((word, index) => [start + index * ccwSize, word] as const)),
  )
}

/** If a word is a transfer in channel. */
export function isTransfer({ command }: CommandWord): boolean {
  return command === ccwCommand.CCW_CMD_TIC
}

function isIn(chains: readonly Chain[], address: number): boolean {
  return chains.some(({ start, words }) => address >= start && address <= start + (words.length - 1) * ccwSize)
}

/** Up to the first command that chains no further, and leads into no command before it. */
function fetchChain(start: number, orb: OperationRequest, memory: GuestMemory): CommandWord[] {
  const bytes = new Uint8Array(longest * ccwSize)
  memory.read(BigInt(start), bytes)
  const words: CommandWord[] = []
  for (let at = 0; at < bytes.length; at += ccwSize) {
    const word = decodeCommandWord(bytes.subarray(at, at + ccwSize), orb.flags.format1 ? 1 : 0)
    words.push(word)
    const goesBack = isTransfer(word) && word.address >= start && word.address <= start + at
    if (!word.flags.chainCommand && !word.flags.chainData && !goesBack) return words
  }
  throw new Errno('EINVAL')
}
