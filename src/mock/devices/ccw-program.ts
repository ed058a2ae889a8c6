import type { CommandWord } from '../../uapi/ccw/channel-command.ts'
import type { OperationRequest } from '../../uapi/ccw/operation-request.ts'
import { Errno } from '../base/errno.ts'
import type { GuestMemory } from '../memory/guest-memory.ts'
import { fetchCommands, isTransfer } from './ccw-chains.ts'
import { type DataPiece, dataPieces, movesData } from './ccw-data.ts'
import type { ChannelDevice } from './channel-device.ts'
import { type ProgramEnd, runProgram } from './channel-run.ts'

/** A channel program that vfio_ccw has taken: its commands, and its data pinned until it is freed. */
export class CcwProgram {
  readonly #orb: OperationRequest
  readonly #memory: GuestMemory
  readonly #commands: ReadonlyMap<number, CommandWord>
  readonly #pieces = new Map<CommandWord, readonly DataPiece[]>()
  readonly #pinned: bigint[] = []

  /** Throws what cp_init and cp_prefetch answer; nothing is pinned then. */
  constructor(orb: OperationRequest, memory: GuestMemory) {
    this.#orb = orb
    this.#memory = memory
    this.#commands = fetchCommands(orb, memory)
    try {
      for (const word of this.#commands.values()) this.#prefetch(word)
    } catch (error) {
      this.free()
      throw error
    }
  }

  run(device: ChannelDevice): ProgramEnd {
    return runProgram({
      orb: this.#orb,
      commands: this.#commands,
      device,
      pieces: (word) => this.#pieces.get(word) ?? [],
      store: (iova, bytes) => this.#memory.write(iova, bytes),
    })
  }

  /** If data in this range is pinned. */
  has(iova: bigint, size: bigint): boolean {
    return this.#pinned.some((at) => at >= iova && at < iova + size)
  }

  free(): void {
    for (const iova of this.#pinned.splice(0)) this.#memory.unpin(iova, 1)
  }

  #prefetch(word: CommandWord): void {
    if (isTransfer(word)) {
      if (!this.#commands.has(word.address)) throw new Errno('EFAULT')
      return
    }
    const pieces = dataPieces(word, this.#orb, this.#memory)
    this.#pieces.set(word, pieces)
    if (!movesData(word)) return
    for (const { iova } of pieces) {
      this.#memory.pin(iova, 1, { read: true, write: true })
      this.#pinned.push(iova)
    }
  }
}
