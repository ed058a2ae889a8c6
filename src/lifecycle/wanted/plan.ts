import type { PciAddress } from '../../base/units.ts'
import { counted } from '../../base/units.ts'
import type { BusName } from '../../host/bus/bus.ts'
import { shownDevice } from '../../host/bus/bus-device.ts'
import type { DeviceUser } from '../../host/device-users.ts'
import type { Warning } from '../../host/warning.ts'
import type { Step } from '../change/change.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import type { Definition } from '../definition/definition.ts'
import type { GpuModes } from '../settings/gpu-modes.ts'
import type { NodeOwner } from '../settings/node-owners.ts'
import type { PciSettingsWish } from '../settings/pci-settings.ts'
import type { Place } from './invalid-spec.ts'

/** The change that a spec asks of one virtual device, and why. */
export type PlannedDevice<Identity extends DeviceIdentity = DeviceIdentity> = Identity & PlannedChange

/** The change to a virtual device, and all that taking it back takes. */
export interface PlannedChange {
  readonly action: 'create' | 'change' | 'keep' | 'remove'
  readonly parent: string
  /** Its type by id; of a removal, the one that it has. */
  readonly type: string
  readonly reason: string
  /** The place in the file that asks for it; null if that is not known, or if the file has no place for it. */
  readonly at: Place | null
  /** The steps of it, in order; empty for `keep`. */
  readonly verbs: readonly Verb[]
  /** The exact writes. */
  readonly steps: readonly Step[]
  /** The users that have it open now, if it would be taken away: then it is not touched. */
  readonly users: readonly DeviceUser[]
  /** The definition to store, null if it goes. */
  readonly wanted: Definition | null
  /** The definition that is stored now, for taking a failed change back. */
  readonly stored: Definition | null
  /** To whom its nodes go; null if nobody says. */
  readonly owner: NodeOwner | null
  /** To whom they go now, for taking a failed change back. */
  readonly storedOwner: NodeOwner | null
  /** The device that ran by its name when the plan was made, for the same; null if none did. */
  readonly running: Running | null
  /** Its definition changes before the card's functions are made: they come as they are defined. */
  readonly beforeSriov: boolean
}

/** The parent and type of a virtual device that runs. */
export interface Running {
  readonly parent: string
  readonly type: string
}

/** One step of a planned device. */
export type Verb = 'stop' | 'undefine' | 'define' | 'keep-owner' | 'start'

/** The change that a spec asks of one device's driver, and why. */
export interface PlannedBinding {
  readonly at: Place | null
  readonly kind: 'binding'
  readonly action: 'bind' | 'keep'
  readonly bus: BusName
  /** Its name there: a PCI address, '0.0.0313'. */
  readonly device: string
  /**
   * Its driver in the end; `none` for no driver. Before the driver's module is loaded, the name that it should have.
   */
  readonly driver: string
  /** The wish that is kept for the next boots: that driver, or `best`, VFIO's best for the device. */
  readonly asked: string
  /** At every boot before other drivers see it, or no longer so; null for as it is. */
  readonly early: boolean | null
  /** The rule and the initramfs for that come with a later binding, for all of them. */
  readonly earlyFollows: boolean
  /** The settings of power, resets and BARs that the file asks for; null for none. */
  readonly settings: PciSettingsWish | null
  readonly reason: string
  /** The exact writes, and the program that loads the driver's module if it is not loaded. */
  readonly steps: readonly Step[]
  /** The uses of it now, if it would be taken away: then it is not touched. */
  readonly uses: readonly string[]
  /** The commands that end those uses, as far as any is known. */
  readonly ends: readonly string[]
  /** The driver that loses it; null if none does, and of a function that is to come. */
  readonly takenFrom: string | null
  /** It is a virtual function, which is made before. */
  readonly afterSriov: boolean
  /**
   * It is in no IOMMU group yet, and what turns out to share its group, once the driver has it, is to have the driver
   * too.
   */
  readonly groupFollows: boolean
  /** The host is to let go of its screen on it. */
  readonly releaseFramebuffer: boolean
}

/** The change that a spec asks of one device's virtual functions, and why. */
export interface PlannedSriov {
  readonly at: Place | null
  readonly kind: 'sriov'
  readonly action: 'change' | 'keep'
  readonly device: PciAddress
  readonly count: number
  /** The number that it has now. */
  readonly before: number
  /** The host's drivers may have them as they come; null for as it is. */
  readonly autoprobe: boolean | null
  readonly reason: string
  /** The exact writes, and programs. */
  readonly steps: readonly Step[]
  /** The functions that are there go, and come anew as far as they are asked for. */
  readonly makesAnew: boolean
  /** The uses of the functions that would go: then they are not touched. */
  readonly uses: readonly string[]
  /** The commands that end those uses, as far as any is known. */
  readonly ends: readonly string[]
}

/** The change that a spec asks of one GPU's modes, and why. */
export interface PlannedGpuModes {
  readonly at: Place | null
  readonly kind: 'gpu-modes'
  readonly action: 'change' | 'keep'
  readonly device: PciAddress
  /** MIG mode, before there are virtual functions; or GPU instances and mixed sizes, which come with those. */
  readonly part: 'mig-mode' | 'vgpu-modes'
  readonly modes: GpuModes
  readonly reason: string
  /** The exact programs. */
  readonly steps: readonly Step[]
  /** The uses of its functions, if it changes: then it is not touched. */
  readonly uses: readonly string[]
  /** The commands that end those uses, as far as any is known. */
  readonly ends: readonly string[]
}

/** A line of a plan: a binding, virtual functions, modes of a GPU, or a virtual device (`isPlannedDevice`). */
export type PlanItem = PlannedBinding | PlannedSriov | PlannedGpuModes | PlannedDevice

/** By which it is told from others: its address, BUS/NAME, or its UUID. */
export function itemName(item: PlanItem): string {
  if (isPlannedDevice(item)) return item.name
  return item.kind === 'binding' ? boundName(item) : item.device
}

function boundName({ bus, device }: PlannedBinding): string {
  return shownDevice({ bus, name: device })
}

/**
 * True if it is a virtual device, of whatever kind; `kind` tells bindings ('binding'), virtual functions ('sriov') and
 * modes ('gpu-modes') apart.
 */
export function isPlannedDevice(item: PlanItem): item is PlannedDevice {
  return 'verbs' in item
}

/** A card that cannot carry all that is to come to it. */
export interface NoRoom {
  /** Of the first entry that asks for it. */
  readonly at: Place | null
  readonly card: string
  readonly why: string
  readonly hint: string
}

/** The changes that would make the host as the spec says. */
export interface Plan {
  /** The file. */
  readonly path: string
  /** They come first; those of virtual functions that are made anew, after these are there. */
  readonly bindings: readonly PlannedBinding[]
  readonly sriov: readonly PlannedSriov[]
  /** Of each GPU its MIG mode, before its functions, and what comes with those. */
  readonly gpuModes: readonly PlannedGpuModes[]
  /** In the order in which they are carried out: what goes first makes room for what comes. */
  readonly entries: readonly PlannedDevice[]
  /** Then nothing is done on these cards. */
  readonly noRoom: readonly NoRoom[]
  readonly warnings: readonly Warning[]
}

/** All of it, in the order in which it is carried out. */
export function itemsOf({ bindings, sriov, gpuModes, entries }: Plan): PlanItem[] {
  return [
    ...bindings.filter(({ afterSriov }) => !afterSriov),
    ...gpuModes.filter(({ part }) => part === 'mig-mode'),
    ...entries.filter(({ beforeSriov }) => beforeSriov),
    ...sriov,
    ...gpuModes.filter(({ part }) => part === 'vgpu-modes'),
    ...bindings.filter(({ afterSriov }) => afterSriov),
    ...entries.filter(({ beforeSriov }) => !beforeSriov),
  ]
}

/** True if all is as it should be. */
export function isDone(plan: Plan): boolean {
  return plan.noRoom.length === 0 && itemsOf(plan).every(({ action }) => action === 'keep')
}

/** The losses of a plan, in words: devices that end or go, virtual functions, and devices that leave their drivers. */
export function losses({ bindings, sriov, entries }: Plan): string[] {
  const fewer = sriov.filter(({ makesAnew, before, count }) => makesAnew && count < before)
  return [
    ...bindings.flatMap((item) => {
      const { driver, takenFrom } = item
      if (takenFrom === null) return []
      if (takenFrom === driver) return `take ${boundName(item)} from ${driver} for a moment: its BARs are resized`
      return `take ${boundName(item)} from ${takenFrom}: it is to have ${driver}`
    }),
    ...fewer.map(
      ({ device, before, count }) => `${device}: ${counted(count, 'virtual function')} in place of ${before}`,
    ),
    ...entries
      .filter(({ action, verbs }) => action === 'remove' || verbs.includes('stop'))
      .map((item) => {
        const verb = item.action === 'remove' ? 'remove' : 'end'
        return `${verb} ${itemName(item)} on ${item.parent} (${item.running?.type ?? item.type}): ${item.reason}`
      }),
  ]
}
