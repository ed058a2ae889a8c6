import { type PciAddress, printable, type Uuid } from '../../base/units.ts'
import { deviceNameForms, deviceNameOrNull } from '../../host/device-name.ts'
import { namedDevice as findDevice, namedParent as findParent } from '../../lifecycle/kinds/named-device.ts'
import { usageError } from '../command/command.ts'
import type { Context } from '../command/context.ts'

/** The forms in which a command takes a device, for help and messages. */
export const deviceForms: string = `${deviceNameForms}; the first digits of a UUID are enough if they are unique`

interface Names {
  readonly device: string | undefined
  readonly uuid: string | undefined
}

/** The virtual device that a positional DEVICE or `-u` names; undefined if neither is given. */
export async function namedDevice(names: Names, context: Context): Promise<Uuid | PciAddress | undefined> {
  const name = givenName(names)
  return name === undefined ? undefined : findDevice((await context.kernel()).files, name)
}

/** The same, if there must be one. */
export async function requiredDevice(names: Names, context: Context, hint: string): Promise<Uuid | PciAddress> {
  const name = await namedDevice(names, context)
  if (name === undefined) throw usageError('which device?', hint)
  return name
}

/** The name that a device is to have: a UUID as a whole, or the address of the function that becomes a vGPU. */
export async function newDevice(names: Names, context: Context): Promise<Uuid | PciAddress | undefined> {
  const name = givenName(names)
  if (name === undefined) return undefined
  if (deviceNameOrNull(name) === null && /^[0-9a-f-]+$/i.test(name)) {
    throw usageError(`'${printable(name)}' is not a whole UUID, as a new device needs`, '`uuidgen` makes one')
  }
  return findDevice((await context.kernel()).files, name)
}

function givenName({ device, uuid }: Names): string | undefined {
  if (device !== undefined && uuid !== undefined) throw usageError('the device is named twice, by position and by -u')
  return device ?? uuid
}

/** The card that `-p` names, in any form of a device's name. */
export async function namedParent(parent: string | undefined, context: Context): Promise<string | undefined> {
  return parent === undefined ? undefined : findParent((await context.kernel()).files, parent)
}
