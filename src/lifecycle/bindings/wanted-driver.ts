import { VfioError } from '../../base/errors.ts'
import { type BusName, busNamed } from '../../host/bus/bus.ts'
import { type BusDevice, devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import { checkedDriver, driverNameFault } from '../../host/driver-name.ts'
import { nearestNames } from '../../host/nearest-name.ts'
import { kindOrNone, listOrNone } from '../../host/sysfs/readable.ts'
import { loadedDriver } from '../../host/variants/loaded-driver.ts'
import type { ModaliasFields } from '../../host/variants/vfio-aliases.ts'
import { plainVfioDriver, type VfioPciDriver, VfioPciDrivers } from '../../host/variants/vfio-pci-drivers.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Run } from '../change/change.ts'
import { loadStep } from './load-module.ts'

/**
 * In place of a driver: none has the device, and none may take it. No driver has that name, so the override keeps it
 * so.
 */
export const noDriver = 'none'

/**
 * In place of a driver: VFIO's best for the device, of those that this kernel has, which may be another after an
 * update.
 */
export const bestDriver = 'best'

/** The driver that a device is to have. */
export interface WantedDriver {
  /** Its name on the bus; `none` for no driver. While its module is not loaded, the name that it should have. */
  readonly driver: string
  /** The wish to keep for the next boots: that name, or `best`. */
  readonly kept: string
  /** The program that loads its module first; null if it is loaded. */
  readonly load: Run | null
  /** VFIO's drivers for the PCI device, best first, of which this is the best; null if it was named. */
  readonly candidates: readonly VfioPciDriver[] | null
}

/** Finds the driver for a wish: a name, `none`, or `best`. What the kernel has for particular devices is read once. */
export class WantedDrivers {
  readonly #files: HostFiles
  readonly #pci: VfioPciDrivers

  constructor(files: HostFiles) {
    this.#files = files
    this.#pci = new VfioPciDrivers(files)
  }

  /** The file that would tell of variant drivers, if it is not there; null if it is. */
  get missing(): string | null {
    return this.#pci.missing
  }

  /**
   * That of a device; `best` if nothing is asked. NOT_FOUND for a driver that is not loaded if nothing can load it.
   * Throws as `readVfioAliases` does if the best is asked for.
   */
  of(device: BusDevice, asked: string = bestDriver): WantedDriver {
    if (asked !== bestDriver) return this.#named(device.bus, asked)
    return device.bus === 'pci'
      ? this.#best(this.#pci.of(device.name))
      : this.#named(device.bus, vfioDriver(device.bus))
  }

  /** The same for a PCI device that is not there yet, by the fields of its modalias, with '' for what nobody knows. */
  ofFuture(fields: ModaliasFields, asked: string = bestDriver): WantedDriver {
    return asked === bestDriver ? this.#best(this.#pci.matching(fields)) : this.#named('pci', asked)
  }

  #named(bus: BusName, asked: string): WantedDriver {
    if (asked === noDriver) return { driver: noDriver, kept: noDriver, load: null, candidates: null }
    const loaded = loadedDriver(this.#files, bus, checkedDriver(asked))
    const load = loaded === null ? loadStep(this.#files, asked) : null
    if (loaded === null && load === null) throw notLoaded(bus, asked, nearestDrivers(this.#files, bus, asked))
    const driver = loaded ?? asked
    return { driver, kept: driver, load, candidates: null }
  }

  #best(candidates: readonly VfioPciDriver[]): WantedDriver {
    const { driver, module, isLoaded } = candidates[0] ?? {
      driver: plainVfioDriver,
      module: 'vfio_pci',
      isLoaded: false,
    }
    const load = isLoaded ? null : loadStep(this.#files, module)
    if (!isLoaded && load === null) throw notLoaded('pci', driver)
    return { driver, kept: bestDriver, load, candidates }
  }
}

/** The driver that gives a bus's devices to VFIO. */
export function vfioDriver(bus: BusName): string {
  return busNamed(bus).vfioDriver ?? noDriver
}

/** The driver that what is kept comes to now, to be shown; of the best of what is not there, VFIO's on its bus. */
export function keptDriver(files: HostFiles, device: BusDevice | null, kept: string): string {
  if (kept !== bestDriver || device === null) return kept
  return candidatesOrNone(files, device)[0]?.driver ?? vfioDriver(device.bus)
}

/** A wish that is kept, in words: 'driver vfio-pci', 'VFIO’s best driver'. */
export function keptInWords(kept: string): string {
  return kept === bestDriver ? 'VFIO’s best driver' : `driver ${kept}`
}

/** True if a driver gives the device to VFIO: its name says so, or it is one of VFIO's for just such devices. */
export function givesToVfio(files: HostFiles, device: BusDevice, driver: string): boolean {
  return driver.includes('vfio') || candidatesOrNone(files, device).some((its) => its.driver === driver)
}

/** For what explains something else: none if that cannot be told. */
function candidatesOrNone(files: HostFiles, device: BusDevice): readonly VfioPciDriver[] {
  if (device.bus !== 'pci' || kindOrNone(files, devicePath(device)) === null) return []
  try {
    return new VfioPciDrivers(files).of(device.name)
  } catch {
    return []
  }
}

/**
 * Names that a misspelt driver may mean on a bus, likeliest first: one that is loaded there, VFIO's, `best` or `none`.
 */
export function nearestDrivers(files: HostFiles, bus: BusName, asked: string): string[] {
  const { drivers, vfioDriver: vfio } = busNamed(bus)
  const loaded = listOrNone(files, drivers).filter((name) => driverNameFault(name) === null)
  const known = new Set([bestDriver, noDriver, ...(vfio === null ? [] : [vfio]), ...loaded])
  known.delete(asked)
  return nearestNames(asked, [...known])
}

/** NOT_FOUND: nothing has loaded a driver's module. `nearest` are the drivers that may be meant. */
export function notLoaded(bus: BusName, driver: string, nearest: readonly string[] = []): VfioError {
  const { drivers } = busNamed(bus)
  const what = bus === 'pci' ? `PCI driver ${driver}` : `driver ${driver} on the bus ${bus}`
  const question =
    nearest.length === 0 ? '' : `did you mean ${nearest.map((name) => `'${name}'`).join(' or ')}? If not: `
  return new VfioError('NOT_FOUND', `there is no ${what}: its module is not loaded, or it has another name`, {
    path: `${drivers}/${driver}`,
    hint: `${question}modprobe ${driver}; ls ${drivers}`,
    facts: { driver, nearest: [...nearest] },
  })
}

/** NOT_SUPPORTED: the best driver's module does not load. Nobody gets another driver than the best unasked. */
export function bestNotLoaded(device: BusDevice, driver: string, why: string): VfioError {
  const shown = shownDevice(device)
  return new VfioError('NOT_SUPPORTED', `${driver} is VFIO's best driver for ${shown}, and is not loaded: ${why}`, {
    path: `${busNamed(device.bus).drivers}/${driver}`,
    hint: `dmesg | tail; vfioctl bind ${shown} ${plainVfioDriver} takes the plain driver`,
    facts: { device: device.name, driver },
  })
}
