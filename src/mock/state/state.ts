import type { FileOwner } from '../../kernel/kernel.ts'
import type { Uevent } from '../../kernel/uevents.ts'
import type { Scenario } from '../scenario/scenario.ts'
import type { WorkerLife } from './worker-life.ts'

/** Written into every state file, so that a foreign file is told from ours. */
export const stateFormat = 'vfioctl mock state 9'

/** All that changes on a mock machine, as plain data: what a scenario says at first, and every call since. */
export interface MockState {
  readonly format: typeof stateFormat
  /** The scenario's name. */
  readonly scenario: string
  /** Number of its boots. */
  readonly boots: number
  /** Identities of the latest transactions, so that each can be told from one that was lost. */
  commits: string[]
  /** Text files by absolute path; null for a directory. */
  disk: Record<string, string | null>
  /** Device nodes by their paths, as far as they were given to others than root. */
  owners: Record<string, FileOwner>
  mdevs: MdevRecord[]
  /** PCI devices by address, as far as they are not as the scenario says; virtual functions are not in it at all. */
  pci: Record<string, PciRecord>
  pciBus: PciBusRecord
  /** Values written to the masks of the bus ap. */
  ap: { apmask?: string; aqmask?: string }
  /** Subchannels by their ids, as far as they are not as the scenario says. */
  css: Record<string, SubchannelRecord>
  /** Platform devices by their names, likewise. */
  platform: Record<string, PlatformRecord>
  /** The firmware's framebuffer, and the host's console. */
  screen: ScreenRecord
  /** Modules that modprobe has loaded since. */
  modules: string[]
  /** Parameters of modules that were written since: 'vfio_pci/enable_sriov'. */
  parameters: Record<string, string>
  processes: ProcessRecord[]
  /** The latest events, and the number that the next one gets. */
  uevents: { next: number; latest: Uevent[] }
}

/** The state of one subchannel. */
export interface SubchannelRecord {
  driver: string | null
  driverOverride: string | null
  unbinding: boolean
  /** vfio_ccw has made a mediated device of it, and logged that. */
  hadDevice: boolean
}

/** The state of the firmware's framebuffer, and of the console that is drawn on the host's only framebuffer. */
export interface ScreenRecord {
  /** The kernel has removed it, for another driver. */
  isGone: boolean
  /** The driver on the platform bus; null if none has it. */
  driver: string | null
  hasConsole: boolean
}

/** The state of one platform device. */
export interface PlatformRecord {
  driver: string | null
  driverOverride: string | null
}

/** The state of the PCI bus. */
export interface PciBusRecord {
  /** A device that appears is offered to the drivers. */
  autoprobe: boolean
  /**
   * Ids that were added to drivers by `new_id`, four to eight hex digits each: vendor, device, and theirs of the
   * subsystem.
   */
  ids: Record<string, string[][]>
}

/** The state of one PCI device. */
export interface PciRecord {
  driver: string | null
  driverOverride: string | null
  /** The driver has been told to let go, and waits for the last user. */
  unbinding: boolean
  /** ... and then the device itself goes: `remove` was written, or its physical function gives it up. */
  leaving: boolean
  /** Taken off the bus until it is looked for again. */
  removed: boolean
  group: number | null
  /** Type of its group for the host's drivers: 'DMA', 'DMA-FQ' or 'identity'. */
  groupType: string
  /** VFIO made its group, as it has no IOMMU; both go with the driver. */
  isNoiommu: boolean
  /** Times it was enabled by hand, less those disabled: `enable`. */
  enabledByHand: number
  /** Addresses of its virtual functions, in their order. */
  vfs: string[]
  /** They are offered to drivers when they appear: `sriov_drivers_autoprobe`. */
  vfsAutoprobe: boolean
  /** VF token that opens its virtual functions, 32 hex digits; null for one that nobody knows. */
  vfToken: string | null
  /** The physical function of a virtual one. */
  readonly physfn: string | null
  /** Names written to `reset_method`; null for the kernel's own choice. */
  resetMethods: string[] | null
  /**
   * Nothing else was on its bus when the kernel looked for its resets last; null as at power-on, in the order of
   * addresses.
   */
  foundAlone: boolean | null
  /** Sizes of its BARs that were written, by their index. */
  barSizes: Record<string, number>
  /** The reset came that it hung until. */
  isRevived: boolean
  /** Value written to `d3cold_allowed`; null for the kernel's own choice. */
  d3coldAllowed: boolean | null
  /** Word written to `power/control` since its driver came or went; null for the driver's own choice. */
  runtimeControl: 'on' | 'auto' | null
  /** A virtual function's vGPU, and its attributes that were written; 0 if it has none. */
  vgpuType: number
  vgpuAttributes: Record<string, string>
  /** The GPU instance that a virtual function's vGPU takes; null for none. */
  gpuInstance: number | null
  /** Of a GPU: vGPUs of several framebuffer sizes are allowed; MIG mode; the GPU instances that it is cut into. */
  heterogeneous: boolean
  mig: boolean
  gpuInstances: GpuInstanceRecord[]
  /** Shares of an Intel GPU that were written or given, by function and file: 'vf1/vram_quota'. */
  xeShares: Record<string, string>
  /** A driver of the host has used it since its last reset. */
  usedByHost: boolean
  /** Number of its vfio-dev folder; null while no driver of VFIO has it. */
  vfioIndex: number | null
  /** State that its model saved when it was closed last; null for a device that was never opened. */
  model: unknown
}

/** A GPU instance of MIG, with the first of its units of memory. */
export interface GpuInstanceRecord {
  readonly id: number
  readonly profile: number
  readonly start: number
  /** It has its compute instance, without which it can be destroyed. */
  hasCompute: boolean
}

/** The state of one mediated device. */
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
  /** State that the device model saved when it was closed last; null for a device that was never opened. */
  model: unknown
}

/** Holdings of one kernel object of a live process. */
export interface ProcessRecord {
  /** Tells kernel objects of one process apart. */
  readonly kernel: string
  readonly pid: number
  /** Start of the process, null if the machine does not tell: a number that came back is another process. */
  readonly started: string | null
  /** Of a kernel object in a Worker, which may end before its process does. */
  readonly worker: WorkerLife | null
  readonly comm: string
  /** Each argument ended by a NUL, as in /proc. */
  readonly cmdline: string
  readonly fds: readonly (readonly [fd: number, link: string])[]
  /** Keys of the groups that are open, and of those of which a device is bound through its own node. */
  readonly groups: readonly string[]
  readonly bound: readonly string[]
  /** Keys of the devices that it holds, so that they do not go, and of those of them that are open for use. */
  readonly devices: readonly string[]
  readonly opened: readonly string[]
  readonly locks: readonly (readonly [fd: number, path: string])[]
}

/** A type with everything in it read-only. */
export type Frozen<T> = T extends (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [Key in keyof T]: Frozen<T[Key]> }
    : T

/** The state, to be read and not changed. */
export type Snapshot = Frozen<MockState>

/** Without what a scenario has beyond the fixed devices: `initialState`. */
export function emptyState(scenario: Scenario): MockState {
  return {
    format: stateFormat,
    scenario: scenario.name,
    boots: 1,
    commits: [],
    disk: { ...scenario.disk },
    owners: {},
    mdevs: [],
    pci: {},
    pciBus: { autoprobe: true, ids: {} },
    ap: {},
    css: {},
    platform: {},
    screen: screenAtFirst(scenario),
    modules: [],
    parameters: {},
    processes: [],
    uevents: { next: 1, latest: [] },
  }
}

/** A driver of the display itself has removed the firmware's framebuffer; vfio-pci does so of a VGA device alone. */
function screenAtFirst({ framebuffer, pci }: Scenario): ScreenRecord {
  const isFirmware = pci.some(
    ({ address, driver, class: kind }) =>
      address === framebuffer?.device && (driver === null || (driver === 'vfio-pci' && !kind.startsWith('0x0300'))),
  )
  return { isGone: !isFirmware, driver: isFirmware ? (framebuffer?.driver ?? null) : null, hasConsole: true }
}

/** Every transaction ends with it: a device whose removal or unbinding waits goes once nothing holds it. */
export function finishRemovals(state: MockState): void {
  const held = new Set(state.processes.flatMap((process) => process.devices))
  state.mdevs = state.mdevs.filter((mdev) => !mdev.removing || held.has(mdev.birth))
  const parents = new Set(state.mdevs.map(({ parent }) => parent))
  for (const [address, record] of Object.entries(state.pci)) {
    if (!record.unbinding || held.has(pciKey(address)) || parents.has(address)) continue
    if (record.leaving && record.physfn !== null) delete state.pci[address]
    else Object.assign(record, released, record.isNoiommu ? withoutGroup : {}, record.leaving ? gone : {})
  }
  for (const [id, record] of Object.entries(state.css)) {
    if (record.unbinding && !parents.has(id)) Object.assign(record, { unbinding: false, driver: null })
  }
  for (const record of Object.values(state.pci)) {
    if (record.vfs.every((address) => state.pci[address] === undefined)) record.vfs = []
  }
  forgetOwners(state)
}

/** A node that comes again belongs to root. */
function forgetOwners(state: MockState): void {
  const ofVfio = [...state.mdevs, ...Object.values(state.pci)].filter(({ vfioIndex }) => vfioIndex !== null)
  const groups = new Set(ofVfio.map(({ group }) => String(group)))
  const devices = new Set(ofVfio.map(({ vfioIndex }) => String(vfioIndex)))
  for (const path of Object.keys(state.owners)) {
    const [, kind, number = ''] = /^\/dev\/vfio\/(?:noiommu-|(devices\/(?:noiommu-)?vfio))?(\d+)$/.exec(path) ?? []
    if (number !== '' && !(kind === undefined ? groups : devices).has(number)) delete state.owners[path]
  }
}

const released = {
  unbinding: false,
  driver: null,
  vfioIndex: null,
  vfToken: null,
  vgpuType: 0,
  gpuInstance: null,
  heterogeneous: false,
  gpuInstances: [],
  xeShares: {},
  runtimeControl: null,
} satisfies Partial<PciRecord>
const withoutGroup = { group: null, isNoiommu: false } satisfies Partial<PciRecord>
const gone = {
  leaving: false,
  removed: true,
  driverOverride: null,
  group: null,
  groupType: 'DMA',
  enabledByHand: 0,
  vfsAutoprobe: true,
  resetMethods: null,
  barSizes: {},
  d3coldAllowed: null,
  model: null,
} satisfies Partial<PciRecord>

/** Key of a PCI device among the births of mediated devices. */
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
