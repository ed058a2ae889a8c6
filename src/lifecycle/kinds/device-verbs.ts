import { VfioError } from '../../base/errors.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../change/change.ts'
import type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from '../device/requests.ts'
import type { VirtualDeviceKind } from '../device/virtual-device-kind.ts'
import { kindOf, kindOfParent } from './kinds.ts'
import { deviceIdentifier } from './list.ts'
import { noSharesReason } from './no-shares.ts'

/** The verbs for virtual devices of every kind. */

/** A defined device by its name, or one that is made on the spot of a parent and a type. */
export async function startDevice(kernel: Kernel, request: StartRequest, options?: ChangeOptions): Promise<Change> {
  const { kind, named } = chosen(kernel, request)
  return (await kind.verbs()).start(kernel, named, options)
}

/** Defines a device of any kind; see `VirtualDeviceKind` for what each kind guarantees. */
export async function defineDevice(kernel: Kernel, request: DefineRequest, options?: ChangeOptions): Promise<Change> {
  const { kind, named } = chosen(kernel, request)
  return (await kind.verbs()).define(kernel, named, options)
}

/** Stops a device of any kind. */
export async function stopDevice(kernel: Kernel, choice: DeviceChoice, options?: ChangeOptions): Promise<Change> {
  const { kind, named } = byName(kernel, choice)
  return (await kind.verbs()).stop(kernel, named, options)
}

/** Undefines a device of any kind: one change for each parent that defines it. */
export async function undefineDevice(
  kernel: Kernel,
  choice: DeviceChoice,
  options?: ChangeOptions,
): Promise<readonly Change[]> {
  const { kind, named } = byName(kernel, choice)
  return (await kind.verbs()).undefine(kernel, named, options)
}

/** Modifies the definition of a device of any kind. */
export async function modifyDevice(kernel: Kernel, request: ModifyRequest, options?: ChangeOptions): Promise<Change> {
  const { kind, named } = byName(kernel, request)
  return (await kind.verbs()).modify(kernel, named, options)
}

interface Chosen<Request> {
  readonly kind: VirtualDeviceKind
  /** The request, with the name in the kernel's form. */
  readonly named: Request
}

function byName<Request extends DeviceChoice>({ files }: Pick<Kernel, 'files'>, request: Request): Chosen<Request> {
  const name = deviceIdentifier(request.name)
  return withShares(files, { kind: kindOf(files, name), named: { ...request, name } })
}

function chosen<Request extends StartRequest>({ files }: Kernel, request: Request): Chosen<Request> {
  if (request.name !== undefined) return byName({ files }, { ...request, name: request.name })
  return withShares(files, { kind: kindOfParent(files, request.parent), named: request })
}

/** INVALID_ARGUMENT for shares of what has none. */
function withShares<Request extends object>(files: HostFiles, chosen: Chosen<Request>): Chosen<Request> {
  const { kind, named } = chosen
  if (kind.hasShares || !('shares' in named) || named.shares === undefined) return chosen
  const name = 'name' in named && named.name !== undefined ? named.name : 'parent' in named ? named.parent : undefined
  const reason = name == null ? 'shares are of a function or of a card: name one' : noSharesReason(files, String(name))
  throw new VfioError('INVALID_ARGUMENT', reason, {
    hint: 'vfioctl types shows which cards give shares, and which types',
  })
}
