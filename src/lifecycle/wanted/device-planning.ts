import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import type { CardLoad } from './card-load.ts'
import type { PlacedParent } from './chosen-parents.ts'
import type { FutureFunctions } from './future-functions.ts'
import type { MadeMoves } from './make-moves.ts'
import type { NoRoom, PlannedDevice } from './plan.ts'

/** What one kind is to plan. */
export interface PlanRequest {
  /** The file, for messages. */
  readonly path: string
  readonly parents: readonly PlacedParent[]
  readonly future: FutureFunctions
  /** Devices that lose their driver by the same file. */
  readonly lost: ReadonlySet<string>
  /** What runs and what is defined, of every kind. */
  readonly present: readonly VirtualDevice[]
}

/** Why a card cannot carry what is to come to it, and the command that helps. */
export type RoomFault = Pick<NoRoom, 'why' | 'hint'>

/**
 * How devices of one kind are planned, and a plan of them is carried out: beside the kind's verbs in its folder. Planning
 * changes nothing. A device whose change fails is taken back to what it was; the journal has what was made on a card, so
 * that all of it can be taken back where there is no room.
 */
export interface DevicePlanning<Identity extends DeviceIdentity = DeviceIdentity> {
  readonly kind: Identity['kind']
  /** One such device in words: 'mediated device'. */
  readonly noun: string
  /** The card whose room a parent shares with others. */
  cardOf(files: HostFiles, parent: string): string
  /** What would have to be done; INVALID_SPEC, NOT_FOUND for what cannot be. `noRoom`: cards without a free function. */
  plan(
    files: HostFiles,
    request: PlanRequest,
  ): { readonly entries: readonly PlannedDevice<Identity>[]; readonly noRoom: readonly NoRoom[] }
  /** Why a card cannot carry what is to come beside what stays; null if nothing speaks against it. */
  roomFault(files: HostFiles, load: CardLoad): RoomFault | null
  carryOut(kernel: Kernel, item: PlannedDevice<Identity>, options: ChangeOptions, journal: MadeMoves[]): Promise<void>
}
