import type { PciAddress } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { pciDevices } from './pci-bus.ts'
import { listOrNone, readOrNone } from './sysfs/readable.ts'

/** Power and resets of a PCI device, as its folder in sysfs tells. Null for what a kernel does not tell. */
export interface PciPower {
  /** `power_state`: D0 to D3cold; 'unknown' if no driver has enabled the device, 'error' if it did not follow. */
  readonly powerState: 'D0' | 'D1' | 'D2' | 'D3hot' | 'D3cold' | 'unknown' | 'error' | null
  /** `d3cold_allowed`: the kernel may cut its power, as far as the platform can. */
  readonly d3coldAllowed: boolean | null
  /** `power/control`: 'on' keeps it awake; 'auto' lets it sleep while nobody uses it. */
  readonly control: 'on' | 'auto' | null
  /** `power/runtime_status` */
  readonly runtimeStatus: 'active' | 'suspended' | 'suspending' | 'resuming' | 'error' | 'unsupported' | null
  /**
   * Ways to reset it (`reset_method`), the one that is tried first in front. None if all are turned off, or there is
   * none.
   */
  readonly resetMethods: readonly string[]
}

const powerStates = ['D0', 'D1', 'D2', 'D3hot', 'D3cold', 'unknown', 'error'] as const
const controls = ['on', 'auto'] as const
const runtimeStatuses = ['active', 'suspended', 'suspending', 'resuming', 'error', 'unsupported'] as const

/** Reads what the kernel tells of a device's power. Throws nothing: what is not there, or makes no sense, is null. */
export function readPciPower(files: HostFiles, address: PciAddress): PciPower {
  const folder = `${pciDevices}/${address}`
  const word = <Word extends string>(name: string, words: readonly Word[]) => {
    const text = readOrNone(files, `${folder}/${name}`)?.trim()
    return words.find((it) => it === text) ?? null
  }
  const allowed = word('d3cold_allowed', ['0', '1'])
  return {
    powerState: word('power_state', powerStates),
    d3coldAllowed: allowed === null ? null : allowed === '1',
    control: word('power/control', controls),
    runtimeStatus: word('power/runtime_status', runtimeStatuses),
    resetMethods: readResetMethods(files, address),
  }
}

/**
 * Ways to reset a device, in the order in which the kernel tries them. A reset of its bus is none if it is not alone
 * there, although the kernel lists it for the device that it found before its neighbours, and then refuses it (ENOTTY).
 */
export function readResetMethods(files: HostFiles, address: PciAddress): string[] {
  const listed = listedResetMethods(files, address)
  return listed.includes('bus') && !isAloneOnBus(files, address) ? listed.filter((it) => it !== 'bus') : listed
}

function isAloneOnBus(files: HostFiles, address: PciAddress): boolean {
  const bus = address.slice(0, address.lastIndexOf(':') + 1)
  return listOrNone(files, pciDevices).every((other) => other === address || !other.startsWith(bus))
}

/** The content of `reset_method` (since Linux 5.15), with a reset of the bus that may be none by now. */
export function listedResetMethods(files: HostFiles, address: PciAddress): string[] {
  const text = readOrNone(files, `${pciDevices}/${address}/reset_method`) ?? ''
  return text.split(/\s+/).filter((name) => /^[a-z0-9_]{1,32}$/.test(name))
}
