import type { PciAddress } from '../../base/units.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions, Write } from '../change/change.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import type { CardLoad } from './card-load.ts'
import type { FutureFunctions } from './future-functions.ts'
import type { ParentPlace, Parents, PlacedParent } from './parent-place.ts'
import type { NoRoom, PlannedDevice } from './plan.ts'
import type { DoneVerbs } from './run-verbs.ts'

/** The input of one kind's planning. */
export interface PlanRequest {
  /** The file, for messages. */
  readonly path: string
  readonly parents: readonly PlacedParent[]
  readonly future: FutureFunctions
  /** Devices that lose their driver by the same file. */
  readonly lost: ReadonlySet<string>
  /** Running and defined devices of every kind. */
  readonly present: readonly VirtualDevice[]
}

/** The reason why a card cannot carry what is to come to it, and the command that helps. */
export type RoomFault = Pick<NoRoom, 'why' | 'hint'>

/**
 * The planning of devices of one kind, and the carrying out of a plan: beside the kind's verbs in its folder. Planning
 * changes nothing. A device whose change fails is taken back to what it was; the journal has what was made on a card,
 * so that all of it can be taken back if there is no room.
 */
export interface DevicePlanning<Identity extends DeviceIdentity = DeviceIdentity> {
  readonly kind: Identity['kind']
  /** One such device in words: 'mediated device'. */
  readonly noun: string
  /** By what a spec names one such device. */
  readonly namedBy: 'uuid' | 'function'
  /** True if scripts of vendors are asked before each change, and may refuse it. */
  readonly asksScripts: boolean
  /** The place of a name of which no other kind makes devices. Throws if nothing can be made there. */
  placeNamed(files: HostFiles, name: string): ParentPlace
  /** The places of this host that fit: a card, or those of its functions that fit without it. */
  places(files: HostFiles, fits: (place: Parents) => boolean): readonly ParentPlace[]
  /** The place of a function that is to come to a known card; null if devices of another kind may be made of it. */
  placeToCome(files: HostFiles, address: PciAddress, card: PciAddress): ParentPlace | null
  /** The card whose room a parent shares with others. */
  cardOf(files: HostFiles, parent: string): string
  /** Plans the changes; INVALID_SPEC, NOT_FOUND for what cannot be. `noRoom`: cards without a free function. */
  plan(
    files: HostFiles,
    request: PlanRequest,
  ): { readonly entries: readonly PlannedDevice<Identity>[]; readonly noRoom: readonly NoRoom[] }
  /** The reason why a card cannot carry what is to come beside what stays; null if none is known. */
  roomFault(files: HostFiles, load: CardLoad): RoomFault | null
  /** True if its functions may be given to any driver; false if a driver of their own makes them what they are. */
  readonly leavesDrivers: boolean
  /** As of `VirtualDeviceKind`, for the devices that will be defined once these entries are carried out. */
  writesBeforeFunctions(
    files: HostFiles,
    card: PhysicalFunction,
    count: number,
    entries: readonly PlannedDevice[],
  ): readonly Write[]
  carryOut(kernel: Kernel, item: PlannedDevice<Identity>, options: ChangeOptions, journal: DoneVerbs[]): Promise<void>
}
