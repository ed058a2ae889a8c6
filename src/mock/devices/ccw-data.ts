import { channelOrder } from '../../base/byte-order.ts'
import { type CommandWord, ccwCommand } from '../../uapi/ccw/channel-command.ts'
import type { OperationRequest } from '../../uapi/ccw/operation-request.ts'
import type { GuestMemory } from '../memory/guest-memory.ts'

/** A piece of a command's data, in one block. */
export interface DataPiece {
  readonly iova: bigint
  readonly length: number
}

/**
 * Pieces of a command's data: at its address, or at the addresses that a list there says (IDAW), cut into blocks as
 * vfio_ccw cuts it. One byte for a command without a count.
 */
export function dataPieces(word: CommandWord, orb: OperationRequest, memory: GuestMemory): DataPiece[] {
  const { idaw64, idaw2k } = orb.flags
  const block = !idaw64 || idaw2k ? 2048n : 4096n
  const pieces: DataPiece[] = []
  let left = Math.max(word.count, 1)
  let next = word.flags.indirect ? null : BigInt(word.address)
  for (let index = 0; left > 0; index++) {
    const iova: bigint = next ?? listedAddress(word.address, index, idaw64, memory)
    const length = Math.min(left, Number(block - (iova % block)))
    pieces.push({ iova, length })
    left -= length
    if (next !== null) next = iova + BigInt(length)
  }
  return pieces
}

function listedAddress(list: number, index: number, is64: boolean, memory: GuestMemory): bigint {
  const bytes = new Uint8Array(is64 ? 8 : 4)
  memory.read(BigInt(list + index * bytes.length), bytes)
  const view = new DataView(bytes.buffer)
  return is64 ? view.getBigUint64(0, channelOrder) : BigInt(view.getUint32(0, channelOrder))
}

/** If a command moves data, so that its memory has to be pinned: ccw_does_data_transfer. */
export function movesData({ command, count, flags }: CommandWord): boolean {
  if (count === 0 || command === ccwCommand.CCW_CMD_NOOP) return false
  const isRead = (command & 0x03) === 0x02 || (command & 0x0f) === 0x0c || (command & 0x0f) === 0x04
  return !(flags.skip && isRead)
}
