import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import type { Attribute } from './definition.ts'

/**
 * The writes to the attributes of a device, which stand in its folder in sysfs, each with a newline (NVIDIA's driver
 * eats the last byte). A name may go down into a folder of the driver ('nvidia/vgpu_params'), never up or away:
 * INVALID_ARGUMENT.
 */
export function attributeSteps(folder: string, attributes: readonly Attribute[]): Write[] {
  return attributes.map(({ name, value }) => ({
    action: 'write',
    path: `${folder}/${checkedAttributeName(name)}`,
    value: `${value}\n`,
  }))
}

/** Links in a device's folder (`subsystem`, `driver`) lead to other devices: throws if one is on the way. */
export function checkStaysInDevice(files: HostFiles, folder: string, path: string): void {
  let at = folder
  for (const part of path.slice(folder.length + 1).split('/')) {
    at = `${at}/${part}`
    if (files.kind(at) !== 'symlink') continue
    throw new VfioError('INVALID_ARGUMENT', `${at} is a link, which leads out of the device`, { path: at })
  }
}

/** Throws INVALID_ARGUMENT for an attribute whose name leads out of the device's folder. */
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
