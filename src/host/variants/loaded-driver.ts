import type { HostFiles } from '../../kernel/kernel.ts'
import { type BusName, busNamed } from '../bus/bus.ts'
import { driverNameFault } from '../driver-name.ts'
import { kindOrNone, listOrNone } from '../sysfs/readable.ts'

/**
 * The name that a driver has on its bus, by that name or by its module's, in which a dash is an underscore: 'vfio_pci'
 * is vfio-pci, 'mlx5-vfio-pci' is mlx5_vfio_pci. Null if no such driver is loaded.
 */
export function loadedDriver(files: HostFiles, bus: BusName, name: string): string | null {
  const { drivers } = busNamed(bus)
  const module = name.replaceAll('-', '_')
  const isThere = (driver: string) =>
    driverNameFault(driver) === null && kindOrNone(files, `${drivers}/${driver}`) !== null
  return [name, module].find(isThere) ?? driversOfModule(files, bus, module).find(isThere) ?? null
}

/**
 * The drivers of a loaded module on a bus, by the links that the kernel makes for them:
 * /sys/module/NAME/drivers/pci:DRIVER.
 */
function driversOfModule(files: HostFiles, bus: BusName, module: string): string[] {
  const prefix = `${bus}:`
  return listOrNone(files, `/sys/module/${module}/drivers`)
    .filter((link) => link.startsWith(prefix))
    .map((link) => link.slice(prefix.length))
    .sort()
}
