import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, pciAddressOrNull, printable } from '../../../base/units.ts'
import type { DeviceVerbs } from '../../device/virtual-device-kind.ts'
import { defineXe, modifyXe, undefineXe } from './define-xe.ts'
import { definedXe } from './restore-xe.ts'
import { startXe, stopXe } from './start-xe.ts'

/** The verbs for shares of Intel's GPUs. */
export const xeVerbs: DeviceVerbs = {
  define: (kernel, { name, ...rest }, options) => defineXe(kernel, { ...rest, ...named(name) }, options),
  modify: (kernel, { name, parent: _, ...edit }, options) => modifyXe(kernel, addressOf(name), edit, options),
  async undefine(kernel, { name }, options) {
    return [await undefineXe(kernel, addressOf(name), options)]
  },
  start: (kernel, { name, ...rest }, options) => startXe(kernel, { ...rest, ...named(name) }, options),
  stop: (kernel, { name }, options) => stopXe(kernel, addressOf(name), options),
  restore: definedXe,
}

function named(name: string | undefined): { readonly address?: PciAddress } {
  return name === undefined ? {} : { address: addressOf(name) }
}

function addressOf(name: string): PciAddress {
  const address = pciAddressOrNull(name)
  if (address !== null) return address
  throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' is not a PCI address`, { hint: 'vfioctl list' })
}
