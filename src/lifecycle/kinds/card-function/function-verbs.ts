import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, pciAddressOrNull, printable } from '../../../base/units.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import type { DefineRequest, ModifyRequest, StartRequest } from '../../device/requests.ts'
import type { RestoreStage } from '../../device/restore-task.ts'
import type { DeviceVerbs } from '../../device/virtual-device-kind.ts'

/** A request for a function that is named, if it is, by its address. */
type ByAddress<Request> = Omit<Request, 'name'> & { readonly address?: PciAddress }

/** The verbs of a kind of virtual functions, which take addresses for names. */
interface FunctionVerbs {
  define(kernel: Kernel, request: ByAddress<DefineRequest>, options?: ChangeOptions): Promise<Change>
  modify(
    kernel: Kernel,
    address: PciAddress,
    edit: Omit<ModifyRequest, 'name' | 'parent'>,
    options?: ChangeOptions,
  ): Promise<Change>
  undefine(kernel: Kernel, address: PciAddress, options?: ChangeOptions): Promise<Change>
  start(kernel: Kernel, request: ByAddress<StartRequest>, options?: ChangeOptions): Promise<Change>
  stop(kernel: Kernel, address: PciAddress, options?: ChangeOptions): Promise<Change>
  readonly restore: RestoreStage
}

/** The same as of every kind: with names, of which those that are no addresses are INVALID_ARGUMENT. */
export function verbsByName(its: FunctionVerbs): DeviceVerbs {
  return {
    define: (kernel, { name, ...rest }, options) => its.define(kernel, { ...rest, ...named(name) }, options),
    modify: (kernel, { name, parent: _, ...edit }, options) => its.modify(kernel, addressOf(name), edit, options),
    async undefine(kernel, { name }, options) {
      return [await its.undefine(kernel, addressOf(name), options)]
    },
    start: (kernel, { name, ...rest }, options) => its.start(kernel, { ...rest, ...named(name) }, options),
    stop: (kernel, { name }, options) => its.stop(kernel, addressOf(name), options),
    restore: its.restore,
  }
}

function named(name: string | undefined): { readonly address?: PciAddress } {
  return name === undefined ? {} : { address: addressOf(name) }
}

function addressOf(name: string): PciAddress {
  const address = pciAddressOrNull(name)
  if (address !== null) return address
  throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' is not a PCI address`, { hint: 'vfioctl list' })
}
