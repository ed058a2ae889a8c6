import { VfioError } from '../base/errors.ts'
import { nameFault, printable } from '../base/units.ts'

/**
 * The reason why a name can be no driver's, as the end of a sentence; null if it can. It becomes one component of a
 * path, a word that a program is given, and what is written to driver_override.
 */
export function driverNameFault(name: string): string | null {
  return /^[-.\s]/.test(name) ? `begins with '${printable(name.slice(0, 1))}'` : nameFault(name)
}

/** INVALID_ARGUMENT for what can be no driver's name. */
export function checkedDriver(name: string): string {
  const fault = driverNameFault(name)
  if (fault === null) return name
  throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' is not a driver: its name ${fault}`, {
    hint: 'ls /sys/bus/pci/drivers shows those that are loaded',
  })
}
