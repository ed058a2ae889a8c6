import type { Uevent } from '../../kernel/uevents.ts'
import { type Disk, isTree } from '../base/disk.ts'
import {
  type GpuInstanceRecord,
  type MdevRecord,
  type MockState,
  type PciBusRecord,
  type PciRecord,
  type PlatformRecord,
  type ProcessRecord,
  type ScreenRecord,
  type SubchannelRecord,
  stateFormat,
} from './state.ts'
import type { WorkerLife } from './worker-life.ts'

/** The state that a file's text holds, or null if it is something else or broken. */
export function parseState(text: string): MockState | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  return isState(value) ? value : null
}

function isState(value: unknown): value is MockState {
  return (
    isObject(value) &&
    value['format'] === stateFormat &&
    isString(value['scenario']) &&
    isCount(value['boots']) &&
    isListOf(value['commits'], isString) &&
    isDisk(value['disk']) &&
    isObject(value['owners']) &&
    Object.values(value['owners']).every(isOwner) &&
    isListOf(value['mdevs'], isMdev) &&
    isObject(value['pci']) &&
    Object.values(value['pci']).every(isPci) &&
    isPciBus(value['pciBus']) &&
    isObject(value['ap']) &&
    Object.values(value['ap']).every((mask) => isString(mask) && /^0x[0-9a-f]{1,64}$/.test(mask)) &&
    isObject(value['css']) &&
    Object.values(value['css']).every(isSubchannel) &&
    isObject(value['platform']) &&
    Object.values(value['platform']).every(isPlatform) &&
    isScreen(value['screen']) &&
    isListOf(value['modules'], isString) &&
    isObject(value['parameters']) &&
    Object.values(value['parameters']).every(isString) &&
    isListOf(value['processes'], isProcess) &&
    isObject(value['uevents']) &&
    isCount(value['uevents']['next']) &&
    isListOf(value['uevents']['latest'], isUevent)
  )
}

function isDisk(value: unknown): boolean {
  if (!isObject(value)) return false
  const disk: Disk = {}
  for (const [path, text] of Object.entries(value)) {
    if (!path.startsWith('/') || !(text === null || isString(text))) return false
    disk[path] = text
  }
  return isTree(disk)
}

function isMdev(value: unknown): value is MdevRecord {
  return (
    isObject(value) &&
    ['birth', 'uuid', 'parent', 'type'].every((key) => isString(value[key])) &&
    ['group', 'vfioIndex', 'ordinal'].every((key) => isCount(value[key])) &&
    typeof value['removing'] === 'boolean' &&
    isObject(value['attributes']) &&
    Object.values(value['attributes']).every(isString) &&
    'model' in value
  )
}

function isOwner(value: unknown): boolean {
  return isObject(value) && ['uid', 'gid', 'mode'].every((key) => isCount(value[key]))
}

const flags = [
  'unbinding',
  'leaving',
  'removed',
  'isNoiommu',
  'isRevived',
  'vfsAutoprobe',
  'heterogeneous',
  'mig',
  'usedByHost',
] as const

function isPci(value: unknown): value is PciRecord {
  return (
    isObject(value) &&
    ['driver', 'driverOverride', 'physfn', 'vfToken'].every((key) => value[key] === null || isString(value[key])) &&
    flags.every((key) => typeof value[key] === 'boolean') &&
    ['vfioIndex', 'group', 'gpuInstance'].every((key) => value[key] === null || isCount(value[key])) &&
    isListOf(value['gpuInstances'], isGpuInstance) &&
    isListOf(value['vfs'], isString) &&
    isString(value['groupType']) &&
    isCount(value['vgpuType']) &&
    isCount(value['enabledByHand']) &&
    isObject(value['vgpuAttributes']) &&
    Object.values(value['vgpuAttributes']).every(isString) &&
    isObject(value['xeShares']) &&
    Object.values(value['xeShares']).every(isString) &&
    isObject(value['barSizes']) &&
    Object.entries(value['barSizes']).every(([bar, size]) => /^[0-5]$/.test(bar) && isBarSize(size)) &&
    (value['resetMethods'] === null || isListOf(value['resetMethods'], isString)) &&
    ['d3coldAllowed', 'foundAlone'].every((key) => [null, true, false].some((it) => it === value[key])) &&
    [null, 'on', 'auto'].some((it) => it === value['runtimeControl']) &&
    'model' in value
  )
}

function isGpuInstance(value: unknown): value is GpuInstanceRecord {
  return (
    isObject(value) &&
    ['id', 'profile', 'start'].every((key) => isCount(value[key])) &&
    typeof value['hasCompute'] === 'boolean'
  )
}

function isBarSize(value: unknown): boolean {
  return isCount(value) && Number.isInteger(Math.log2(Number(value)))
}

function isSubchannel(value: unknown): value is SubchannelRecord {
  return (
    isObject(value) && isPlatform(value) && ['unbinding', 'hadDevice'].every((key) => typeof value[key] === 'boolean')
  )
}

function isPlatform(value: unknown): value is PlatformRecord {
  return isObject(value) && ['driver', 'driverOverride'].every((key) => value[key] === null || isString(value[key]))
}

function isScreen(value: unknown): value is ScreenRecord {
  return (
    isObject(value) &&
    ['isGone', 'hasConsole'].every((key) => typeof value[key] === 'boolean') &&
    (value['driver'] === null || isString(value['driver']))
  )
}

function isUevent(value: unknown): value is Uevent {
  return (
    isObject(value) &&
    isCount(value['seqnum']) &&
    ['action', 'devpath', 'subsystem'].every((key) => isString(value[key])) &&
    isObject(value['properties']) &&
    Object.values(value['properties']).every(isString)
  )
}

function isPciBus(value: unknown): value is PciBusRecord {
  return (
    isObject(value) &&
    typeof value['autoprobe'] === 'boolean' &&
    isObject(value['ids']) &&
    Object.values(value['ids']).every((ids) => isListOf(ids, (id) => isListOf(id, isString)))
  )
}

function isProcess(value: unknown): value is ProcessRecord {
  return (
    isObject(value) &&
    ['kernel', 'comm', 'cmdline'].every((key) => isString(value[key])) &&
    isCount(value['pid']) &&
    value['pid'] > 0 &&
    (value['started'] === null || isString(value['started'])) &&
    (value['worker'] === null || isWorker(value['worker'])) &&
    isListOf(value['fds'], isNumbered) &&
    ['groups', 'bound', 'devices', 'opened'].every((key) => isListOf(value[key], isString)) &&
    isListOf(value['locks'], isNumbered)
  )
}

function isWorker(value: unknown): value is WorkerLife {
  return isObject(value) && isCount(value['fd']) && isString(value['file'])
}

function isNumbered(value: unknown): value is readonly [number, string] {
  return Array.isArray(value) && value.length === 2 && isCount(value[0]) && isString(value[1])
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isListOf<T>(value: unknown, isItem: (item: unknown) => item is T): value is T[] {
  return Array.isArray(value) && value.every(isItem)
}

function isString(value: unknown): value is string {
  return typeof value === 'string'
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}
