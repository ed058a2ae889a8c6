import type { VfioError } from '../../base/errors.ts'
import type { PciAddress, Uuid } from '../../base/units.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Change, ChangeOptions, Write } from '../change/change.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import type { DeviceType, TypeFilter } from './device-type.ts'
import type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from './requests.ts'
import type { RestoreStage } from './restore-task.ts'
import type { Listed } from './virtual-device.ts'

/** The name of a virtual device. */
export type DeviceName = Uuid | PciAddress

/** A virtual device that holds a PCI device. */
export interface VirtualUse {
  /** For the end of a sentence: 'mediated devices run on it: 83b8f4f2-…'. */
  readonly what: string
  /** The command that ends it. */
  readonly end: string
}

/** One thing that is kept for the next boots. */
export interface Kept {
  /** 'driver', 'functions', 'modes', 'owner', or a virtual device's kind. */
  readonly kind: string
  /** The device that it is kept for: a PCI address or a UUID. */
  readonly device: string
  /** The parent that it needs, of a device whose own name says no place. */
  readonly parent?: string
  /** 'driver vfio-pci', '8 virtual functions', 'nvidia-232 on 0000:3b:00.0'. */
  readonly what: string
  /** Its state now: 'with nvme', 'has 4', 'not there'; null if there is nothing to say. */
  readonly now: string | null
  readonly path: string
  /** The command that forgets it, also if the device is gone. */
  readonly forget: string
}

/** Devices kept for the next boots, and warnings of what could not be read. */
export interface FoundKept {
  readonly kept: readonly Kept[]
  readonly warnings: readonly Warning[]
}

/** Devices that a listing found, and warnings of what it could not read. */
export interface FoundDevices {
  readonly listed: readonly Listed<DeviceIdentity>[]
  readonly warnings: readonly Warning[]
}

/** Types that cards offer, and warnings of what could not be read. */
export interface FoundTypes {
  readonly types: readonly DeviceType[]
  readonly warnings: readonly Warning[]
  /** The reason why this host can have none of the kind at all; said only if it has no other kind either. */
  readonly unsupported: Warning | null
}

/**
 * A kind of virtual device: a folder beside the others in `kinds`, and a row of `kinds/kinds.ts`. The verbs, the lists
 * and `restore` go through the rows; nothing else knows how many kinds there are. Each kind guarantees:
 *
 * - The same once more is no change: `changed` is false, and there are no steps.
 * - With `dryRun` nothing is written, and the steps are exactly those that would be.
 * - What a process has open, or a callout refuses, is not taken away: DEVICE_BUSY with who has it, CALLOUT_REFUSED.
 * - What fails or is aborted halfway is taken back; an error says what is there then.
 * - A refusal of the kernel is told with its errno and with the reason, found by looking at the host.
 */
export interface VirtualDeviceKind {
  readonly kind: DeviceIdentity['kind']
  /** True if a device of this kind can have a name of that form. */
  takesName(name: DeviceName): boolean
  /** True if the device of that name is of this kind, found by looking: it runs, is defined, or could be made there. */
  claims(files: HostFiles, name: DeviceName): boolean
  /** In words, of several: 'mediated devices'. */
  readonly plural: string
  /** The names of what makes devices of this kind, or could: parents, or cards. Throws if they cannot be read. */
  parents(files: HostFiles): readonly string[]
  /** True if that parent, or card, makes devices of this kind. */
  claimsParent(files: HostFiles, parent: string): boolean
  /** A card or its functions, by name, that can carry a device of this kind now, or do. None if nothing can yet. */
  placesOn(files: HostFiles, card: PciAddress): readonly string[]
  /**
   * True if such a card has a type of that name (`isTypeNamed`), also one of which it cannot make another now.
   * AMBIGUOUS if it has several.
   */
  hasType(files: HostFiles, card: PciAddress, name: string): boolean
  /** The types that the cards offer, by parent and type. */
  types(files: HostFiles, filter: TypeFilter): FoundTypes
  /** The devices that run or are defined, or the one of that name. */
  list(files: HostFiles, name?: DeviceName): FoundDevices
  /** The uses of a PCI device by running devices of this kind. */
  usesOf(files: HostFiles, address: PciAddress): readonly VirtualUse[]
  /** Those that come back at the next boot, or are at hand then. */
  keptForBoot(files: HostFiles): FoundKept
  /** The folder below which definitions stand, to watch. */
  readonly definitionFolder: string
  /** The error with the reason why no device of that name runs or is defined. */
  notThere(files: HostFiles, name: DeviceName): VfioError
  /**
   * The part of the virtual functions that a card was just given which is not there yet for devices of this kind, in
   * words: some drivers set them up later. Null if nothing is missing.
   */
  missingOn(files: HostFiles, card: PhysicalFunction): string | null
  /** True if devices of this kind are shares of a GPU, which requests name in place of a type. */
  readonly hasShares: boolean
  /**
   * The writes that a card wants before it makes so many virtual functions, for the devices of this kind that are
   * defined on them, as `apply` and `restore` bring them back; before none, those that take that back. None for most
   * kinds.
   */
  writesBeforeFunctions(files: HostFiles, card: PhysicalFunction, count: number): readonly Write[]
  /**
   * Of the first so many functions of a card those that come without a part of it, since others are defined with
   * theirs. None for most kinds.
   */
  withoutPart(files: HostFiles, card: PhysicalFunction, count: number): readonly PciAddress[]
  /** The verbs that change them: loaded once asked for, as most commands only look. */
  verbs(): Promise<DeviceVerbs>
}

/** The verbs that change devices of one kind. `restore` finds those that are defined to start by themselves. */
export interface DeviceVerbs {
  define(kernel: Kernel, request: DefineRequest, options?: ChangeOptions): Promise<Change>
  modify(kernel: Kernel, request: ModifyRequest, options?: ChangeOptions): Promise<Change>
  /** One change for each parent on which it is defined. */
  undefine(kernel: Kernel, choice: DeviceChoice, options?: ChangeOptions): Promise<readonly Change[]>
  start(kernel: Kernel, request: StartRequest, options?: ChangeOptions): Promise<Change>
  stop(kernel: Kernel, choice: DeviceChoice, options?: ChangeOptions): Promise<Change>
  readonly restore: RestoreStage
}
