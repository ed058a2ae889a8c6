import type { Uevent } from '../../kernel/uevents.ts'
import { kernelTraits } from '../base/kernel-traits.ts'
import { isRegistered } from '../mdev/parents.ts'
import { pciDevices, pciRecord } from '../pci/devices.ts'
import { pciProperties } from '../pci/properties.ts'
import { platformRecord } from '../platform/platform-devices.ts'
import { subchannelRecord } from '../s390/subchannels.ts'
import { hasIommufd } from '../scenario/loaded-modules.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { mdevPath, parentPath, pciPath, platformPath, subchannelPath } from '../scenario/sysfs-paths.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { noiommuPrefix } from '../vfio/vfio-groups.ts'

/** Events that a machine remembers for those who are slow to look. */
const remembered = 64

/** A device that events tell of, as it is at one moment. */
interface Told {
  readonly devpath: string
  readonly subsystem: string
  /** Null while none has it; undefined of what has no drivers. */
  readonly driver?: string | null
  readonly properties: Readonly<Record<string, string>>
}

type Event = Omit<Uevent, 'seqnum'>

/** Every transaction ends with it: what the kernel says of the devices that came, changed or went. */
export function addUevents(scenario: Scenario, before: Snapshot, state: MockState): void {
  const events = ueventsBetween(scenario, before, state)
  const first = state.uevents.next
  state.uevents = {
    next: first + events.length,
    latest: [...state.uevents.latest, ...events.map((event, index) => ({ ...event, seqnum: first + index }))].slice(
      -remembered,
    ),
  }
}

/** In the kernel's order: a device goes with what is made of it first, and comes before that. */
function ueventsBetween(scenario: Scenario, before: Snapshot, after: Snapshot): Event[] {
  const [was, is] = [before, after].map((state) => ({
    pci: pciTold(scenario, state),
    mdev: mdevsTold(scenario, state),
    groups: groupsTold(scenario, state),
    vfio: vfioDevicesTold(scenario, state),
    parents: parentsTold(scenario, state),
    others: new Map([...subchannelsTold(scenario, state), ...platformTold(scenario, state)]),
  }))
  if (was === undefined || is === undefined) return []
  return [
    ...gone(was.vfio, is.vfio),
    ...gone(was.groups, is.groups),
    ...gone(was.mdev, is.mdev),
    ...[...was.parents].filter(([key]) => !is.parents.has(key)).map(([, it]) => state(it, 'unregistered')),
    ...gone(was.pci, is.pci),
    ...gone(was.others, is.others),
    ...added(was.pci, is.pci),
    ...added(was.mdev, is.mdev),
    ...added(was.groups, is.groups),
    ...added(was.vfio, is.vfio),
    ...[...is.parents].filter(([key]) => !was.parents.has(key)).map(([, it]) => state(it, 'registered')),
    ...bound(was.pci, is.pci),
    ...bound(was.others, is.others),
    ...bound(was.mdev, is.mdev),
  ]
}

function state({ devpath, subsystem, properties }: Told, registered: string): Event {
  return { action: 'change', devpath, subsystem, properties: { ...properties, MDEV_STATE: registered } }
}

/** Events of devices that lost their driver or are gone. */
function gone(was: ReadonlyMap<string, Told>, is: ReadonlyMap<string, Told>): Event[] {
  return [...was].flatMap(([key, { driver, ...it }]) => {
    const now = is.get(key)
    const isUnbound = typeof driver === 'string' && now?.driver !== driver
    const unbind: Event[] = isUnbound ? [{ ...it, action: 'unbind' }] : []
    return now === undefined ? [...unbind, { ...it, action: 'remove' }] : unbind
  })
}

function added(was: ReadonlyMap<string, Told>, is: ReadonlyMap<string, Told>): Event[] {
  return [...is].flatMap(([key, { driver: _, ...it }]): Event[] => (was.has(key) ? [] : [{ ...it, action: 'add' }]))
}

/** Bind events, after what the driver has made of its device: VFIO's group of it, the types it offers. */
function bound(was: ReadonlyMap<string, Told>, is: ReadonlyMap<string, Told>): Event[] {
  return [...is].flatMap(([key, { driver, ...it }]): Event[] => {
    if (typeof driver !== 'string' || was.get(key)?.driver === driver) return []
    return [{ ...it, properties: { ...it.properties, DRIVER: driver }, action: 'bind' }]
  })
}

function pciTold(scenario: Scenario, snapshot: Snapshot): Map<string, Told> {
  return new Map(
    pciDevices(scenario, snapshot).map((device) => {
      const { driver, unbinding } = pciRecord(snapshot, device)
      const told = { devpath: below(pciPath(device)), subsystem: 'pci', properties: pciProperties(device) }
      return [device.address, { ...told, driver: unbinding ? null : driver }]
    }),
  )
}

function subchannelsTold({ css = [] }: Scenario, snapshot: Snapshot): Map<string, Told> {
  return new Map(
    css.map((subchannel) => {
      const { driver, unbinding } = subchannelRecord(snapshot, subchannel)
      const told = { devpath: below(subchannelPath(subchannel.id)), subsystem: 'css' }
      const properties = { ST: '0', MODALIAS: 'css:t0' }
      return [told.devpath, { ...told, driver: unbinding ? null : driver, properties }]
    }),
  )
}

function platformTold({ platform = [] }: Scenario, snapshot: Snapshot): Map<string, Told> {
  return new Map(
    platform.map((device) => {
      const { driver } = platformRecord(snapshot, device)
      const devpath = below(platformPath(device.name))
      const properties = { MODALIAS: `platform:${device.name}` }
      return [devpath, { devpath, subsystem: 'platform', driver, properties }]
    }),
  )
}

function mdevsTold(scenario: Scenario, { mdevs }: Snapshot): Map<string, Told> {
  const drivers = new Map(scenario.parents.map(({ name, driver }) => [name, driver]))
  return new Map(
    mdevs
      .filter(({ removing }) => !removing)
      .map((mdev) => {
        const driver = drivers.get(mdev.parent) ?? null
        return [mdev.birth, { devpath: below(mdevPath(scenario, mdev)), subsystem: 'mdev', driver, properties: {} }]
      }),
  )
}

/** The class vfio: a group of which VFIO has a device. */
function groupsTold(scenario: Scenario, snapshot: Snapshot): Map<string, Told> {
  const ofPci = vfioFunctions(scenario, snapshot).map(({ device, prefix }) => `${prefix}${device.iommuGroup}`)
  const names = new Set([...ofPci, ...snapshot.mdevs.map(({ group }) => String(group))])
  return new Map(
    [...names].map((name) => {
      const devpath = `/devices/virtual/vfio/${name}`
      return [name, { devpath, subsystem: 'vfio', properties: { DEVNAME: `/dev/vfio/${name}` } }]
    }),
  )
}

/** The class vfio-dev: each of VFIO's devices, in the folder of what it drives; its node comes with iommufd. */
function vfioDevicesTold(scenario: Scenario, snapshot: Snapshot): Map<string, Told> {
  const isShown = (isLeaving: boolean) => !isLeaving || !kernelTraits(scenario).hidesLeaving
  const ofPci = vfioFunctions(scenario, snapshot).flatMap(({ device, prefix, record }) =>
    isShown(record.unbinding) ? [{ above: pciPath(device), name: `${prefix}vfio${record.vfioIndex}` }] : [],
  )
  const ofMdevs = snapshot.mdevs.flatMap((mdev) =>
    isShown(mdev.removing) ? [{ above: mdevPath(scenario, mdev), name: `vfio${mdev.vfioIndex}` }] : [],
  )
  return new Map(
    [...ofPci, ...ofMdevs].map(({ above, name }) => {
      const properties: Told['properties'] = hasIommufd(scenario) ? { DEVNAME: `/dev/vfio/devices/${name}` } : {}
      return [`${above} ${name}`, { devpath: `${below(above)}/vfio-dev/${name}`, subsystem: 'vfio-dev', properties }]
    }),
  )
}

function vfioFunctions(scenario: Scenario, snapshot: Snapshot) {
  return pciDevices(scenario, snapshot).flatMap((device) => {
    const record = pciRecord(snapshot, device)
    if (record.vfioIndex === null || device.iommuGroup === null) return []
    return [{ device, record, prefix: noiommuPrefix({ kind: record.isNoiommu ? 'noiommu' : 'translated' }) }]
  })
}

function parentsTold(scenario: Scenario, snapshot: Snapshot): Map<string, Told> {
  if (!('mdev' in scenario.modules)) return new Map()
  return new Map(
    scenario.parents
      .filter((parent) => isRegistered(scenario, snapshot, parent))
      .map((parent) => {
        const devpath = below(parentPath(scenario, parent))
        const subsystem = parent.virtualClass ?? (devpath.startsWith('/devices/pci') ? 'pci' : 'css')
        return [parent.name, { devpath, subsystem, properties: {} }]
      }),
  )
}

function below(path: string): string {
  return path.slice('/sys'.length)
}
