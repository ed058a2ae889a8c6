import { VfioError } from '../errors.ts'
import { mdevPath } from '../host/mdev-devices.ts'
import { printable, type Uuid } from '../units.ts'
import type { Attribute } from './definition.ts'

/**
 * The sysfs file of a device's attribute. A name may go down into a folder of the driver ('nvidia/vgpu_params'), never
 * up or away: INVALID_ARGUMENT.
 */
export function attributePath(uuid: Uuid, name: string): string {
  return `${mdevPath(uuid)}/${checkedAttributeName(name)}`
}

export function checkAttributes(attributes: readonly Attribute[]): void {
  for (const { name } of attributes) checkedAttributeName(name)
}

function checkedAttributeName(name: string): string {
  const stays = name.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if (stays && printable(name) === name && name.length <= 255) return name
  throw new VfioError('INVALID_ARGUMENT', `attribute name '${printable(name)}' is not the name of a device's file`, {
    hint: 'an attribute is a file of the device in sysfs, such as assign_adapter or nvidia/vgpu_params',
  })
}
