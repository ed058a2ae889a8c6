import { nameFault, pciAddressOrNull, uuidOrNull } from '../../base/units.ts'
import type { DeviceFlags } from '../../uapi/device.ts'

/** The buses whose devices VFIO opens, or makes devices of that it opens. */
export type BusName = 'pci' | 'mdev' | 'css' | 'ccw' | 'ap' | 'platform' | 'fsl-mc' | 'cdx'

/** A bus of the kernel, as data: what is the same on all of them asks here. */
export interface Bus {
  readonly name: BusName
  /** Name for one of its devices in a sentence: 'PCI device'. */
  readonly noun: string
  /** The folder of its devices: '/sys/bus/pci/devices'. */
  readonly devices: string
  /** The folder of its drivers: '/sys/bus/pci/drivers'. */
  readonly drivers: string
  /** A device's name as the kernel writes it, of any form that people do; null if it has the form of none. */
  readonly parseName: (text: string) => string | null
  /** The form of a name tells the bus by itself, as that of a PCI address does. */
  readonly isToldByName: boolean
  /**
   * Its devices have `driver_override`: the one driver that may take a device. Of ap only queues do, from Linux 7.0 on,
   * and a write is EINVAL while apmask and aqmask say who has what.
   */
  readonly hasOverride: boolean
  /** The driver of VFIO that takes its devices; null if none does. Others that do so have 'vfio' in their names too. */
  readonly vfioDriver: string | null
  /**
   * The likely reason if VFIO's driver refuses a device that is in an IOMMU group, and what may help; null if none is
   * known.
   */
  readonly refusal: readonly [why: string, hint: string] | null
  /** The devices that VFIO opens: those of the bus, or mediated devices made of them. Null if neither. */
  readonly opens: 'device' | 'mediated device' | null
  /** The flag of `VFIO_DEVICE_GET_INFO` by which an open device says to be of this bus; null if no open device is. */
  readonly flag: keyof DeviceFlags | null
  /** Names of an open device's region and interrupt indexes, from 0. Where they end, indexes are the device's own. */
  readonly regions: readonly string[]
  readonly irqs: readonly string[]
}

/** A device's number in a channel subsystem: that of a subchannel, and that of the device behind it. */
function channelName(text: string): string | null {
  const parts = /^(?:c(?:ss|cw)_)?([0-9a-f]{1,2})[._]([0-3])[._]([0-9a-f]{4})$/.exec(text.toLowerCase())
  return parts === null ? null : parts.slice(1).join('.')
}

function lowerCase(form: RegExp): (text: string) => string | null {
  return (text) => (form.test(text.toLowerCase()) ? text.toLowerCase() : null)
}

type Facts = Omit<Bus, 'name' | 'devices' | 'drivers'>

/** Values of a bus unless its row has others. */
const usual = {
  isToldByName: true,
  hasOverride: true,
  refusal: null,
  opens: 'device',
  flag: null,
  regions: [],
  irqs: [],
} as const

const facts: Readonly<Record<BusName, Facts>> = {
  pci: {
    ...usual,
    noun: 'PCI device',
    parseName: pciAddressOrNull,
    vfioDriver: 'vfio-pci',
    flag: 'pci',
    regions: ['bar0', 'bar1', 'bar2', 'bar3', 'bar4', 'bar5', 'rom', 'config', 'vga'],
    irqs: ['intx', 'msi', 'msix', 'err', 'req'],
  },
  // its driver is its parent's, and it has none but that
  mdev: { ...usual, noun: 'mediated device', parseName: uuidOrNull, hasOverride: false, vfioDriver: null },
  // vfio_ccw makes a parent of an I/O subchannel; the css row stands before that of ccw, as both have one form of names
  css: {
    ...usual,
    noun: 'subchannel',
    parseName: channelName,
    vfioDriver: 'vfio_ccw',
    opens: 'mediated device',
  },
  // the device behind a subchannel: an open one is told by this flag, and is a mediated device of the subchannel
  ccw: {
    ...usual,
    noun: 'channel device',
    parseName: channelName,
    hasOverride: false,
    vfioDriver: null,
    opens: null,
    flag: 'ccw',
    regions: ['config'],
    irqs: ['io', 'crw', 'req'],
  },
  // vfio_ap has the queues; what is opened is a matrix of them
  ap: {
    ...usual,
    noun: 'crypto queue',
    parseName: lowerCase(/^[0-9a-f]{2}\.[0-9a-f]{4}$/),
    vfioDriver: 'vfio_ap',
    opens: null,
    flag: 'ap',
    irqs: ['req', 'cfg-chg'],
  },
  // named by firmware, by a driver, or with an address in front: anything
  platform: {
    ...usual,
    noun: 'platform device',
    parseName: (text) => (nameFault(text) === null ? text : null),
    isToldByName: false,
    vfioDriver: 'vfio-platform',
    // vfio_platform_init_common: ENOENT; before Linux 6.3 whatever reset_required says
    refusal: [
      'it takes only devices that it can reset, by a vfio_platform module for their kind or by ACPI',
      'dmesg | tail; from Linux 6.3 on, modprobe vfio-platform reset_required=0 takes others too',
    ],
    flag: 'platform',
  },
  // a container, which goes with all that is in it (dprc.2), or an object (dpni.1)
  'fsl-mc': {
    ...usual,
    noun: 'fsl-mc device',
    parseName: lowerCase(/^dp[a-z]{2,6}\.\d{1,10}$/),
    vfioDriver: 'vfio-fsl-mc',
    flag: 'fslMc',
  },
  // of a controller and bus, and a device
  cdx: {
    ...usual,
    noun: 'CDX device',
    parseName: lowerCase(/^cdx-[0-9a-f]{2}:[0-9a-f]{2}$/),
    vfioDriver: 'vfio-cdx',
    flag: 'cdx',
  },
}

function isBusName(name: string): name is BusName {
  return Object.hasOwn(facts, name)
}

/** Every bus, pci and mdev first. */
export const buses: readonly Bus[] = Object.keys(facts).filter(isBusName).map(busNamed)

/** The row of a bus. */
export function busNamed(name: BusName): Bus {
  return { name, ...facts[name], devices: `/sys/bus/${name}/devices`, drivers: `/sys/bus/${name}/drivers` }
}

/** The row of a bus by a name that comes from outside; null if there is none. */
export function busOrNull(name: string): Bus | null {
  return isBusName(name) ? busNamed(name) : null
}

/** 'bar0', 'config'… if the bus of an open device has a name for the index, else 'region9'. */
export function regionName(device: DeviceFlags, index: number): string {
  return busOfOpen(device)?.regions[index] ?? `region${index}`
}

/** 'intx', 'msi'… if the bus of an open device has a name for the index, else 'irq3'. */
export function irqName(device: DeviceFlags, index: number): string {
  return busOfOpen(device)?.irqs[index] ?? `irq${index}`
}

function busOfOpen(device: DeviceFlags): Bus | undefined {
  return buses.find(({ flag }) => flag !== null && device[flag])
}
