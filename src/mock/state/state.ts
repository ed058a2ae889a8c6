import type { Scenario } from '../scenario.ts'

/** Written into every state file, so that a foreign file is told from ours. */
export const stateFormat = 'vfioctl mock state 2'

/** All that changes on a mock machine, as plain data: what a scenario says at first, and every call since. */
export interface MockState {
  readonly format: typeof stateFormat
  /** The scenario's name. */
  readonly scenario: string
  /** Identities of the latest transactions, so that each can be told from one that was lost. */
  commits: string[]
  /** Text files by absolute path; null for a directory. */
  disk: Record<string, string | null>
  mdevs: MdevRecord[]
  /** PCI devices by address, as far as they are not as the scenario says. */
  pci: Record<string, PciRecord>
  processes: ProcessRecord[]
}

export interface PciRecord {
  driver: string | null
  driverOverride: string | null
  /** `unbind` has been written to vfio-pci and waits for the last user. */
  unbinding: boolean
  /** Number of its vfio-dev folder; null while vfio-pci does not have it. */
  vfioIndex: number | null
  /** What its model saved when it was closed last; null for a device that was never opened. */
  model: unknown
}

export interface MdevRecord {
  /** Tells this device from an earlier one with the same UUID. */
  readonly birth: string
  readonly uuid: string
  readonly parent: string
  readonly type: string
  /** Number of its IOMMU group, and of its vfio-dev folder: the lowest free ones, as in the kernel. */
  readonly group: number
  readonly vfioIndex: number
  /** The parent's own count of its devices, from 1. */
  readonly ordinal: number
  /** `remove` has been written and waits for the last user. */
  removing: boolean
  attributes: Record<string, string>
  /** What the device model saved when it was closed last; null for a device that was never opened. */
  model: unknown
}

/** What one kernel object of a live process holds. */
export interface ProcessRecord {
  /** Tells kernel objects of one process apart. */
  readonly kernel: string
  readonly pid: number
  /** When the process started, where the machine tells: a number that came back is another process. */
  readonly started: string | null
  readonly comm: string
  /** Each argument ended by a NUL, as in /proc. */
  readonly cmdline: string
  readonly fds: readonly (readonly [fd: number, link: string])[]
  /** Births of the devices whose group, and which themselves, are open. */
  readonly groups: readonly string[]
  readonly devices: readonly string[]
  readonly locks: readonly (readonly [fd: number, path: string])[]
}

export type Frozen<T> = T extends (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

export type Snapshot = Frozen<MockState>

export function initialState(scenario: Scenario): MockState {
  return {
    format: stateFormat,
    scenario: scenario.name,
    commits: [],
    disk: { ...scenario.disk },
    mdevs: [],
    pci: {},
    processes: [],
  }
}

/** Every transaction ends with it: a device whose removal or unbinding waits goes once nothing holds it. */
export function finishRemovals(state: MockState): void {
  const held = new Set(state.processes.flatMap((process) => process.devices))
  state.mdevs = state.mdevs.filter((mdev) => !mdev.removing || held.has(mdev.birth))
  for (const [address, record] of Object.entries(state.pci)) {
    if (!record.unbinding || held.has(pciKey(address))) continue
    record.unbinding = false
    record.driver = null
    record.vfioIndex = null
  }
}

/** What stands for a PCI device among the births of mediated devices. */
export function pciKey(address: string): string {
  return `pci ${address}`
}

/** The lowest number from `first` on that is not taken. */
export function lowestFree(taken: Iterable<number>, first = 0): number {
  const numbers = new Set(taken)
  let number = first
  while (numbers.has(number)) number++
  return number
}

/** The number that the next device of VFIO gets. */
export function freeVfioIndex({ mdevs, pci }: MockState): number {
  return lowestFree([...mdevs, ...Object.values(pci)].flatMap(({ vfioIndex }) => vfioIndex ?? []))
}
