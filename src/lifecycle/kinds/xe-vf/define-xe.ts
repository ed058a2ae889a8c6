import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import type { StoredFunction } from '../../device/function-definitions.ts'
import { formatShares, type GpuShares } from '../../device/gpu-shares.ts'
import type { DefineRequest, ModifyRequest } from '../../device/requests.ts'
import { isGiven, readShares } from './read-shares.ts'
import { chooseFunction } from './start-xe.ts'
import { parseShares, refuseAttributes, wantedShares } from './wanted-shares.ts'
import { cardOfFunction, findXePlace } from './xe-cards.ts'
import { xeDefinitions } from './xe-definitions.ts'
import type { XeIdentity } from './xe-identity.ts'

/** Shares to define. */
export interface DefineXeRequest extends Pick<DefineRequest, 'type' | 'shares' | 'start' | 'attributes'> {
  /** The function, which need not be there yet: then its shares are given before it comes. */
  readonly address?: PciAddress
  /** A card, of which a function is taken, or a function. */
  readonly parent?: string
}

/**
 * Stores the shares that a function is to have: those that it has if none are named. Its priority is that of the other
 * functions of the card that are defined, if none is named; INVALID_ARGUMENT for another than theirs.
 */
export async function defineXe(
  kernel: Kernel,
  request: DefineXeRequest,
  options: ChangeOptions = {},
): Promise<Change<XeIdentity>> {
  refuseAttributes(request.attributes)
  return xeDefinitions.define(kernel, () => resolve(kernel.files, request), options)
}

function resolve(
  files: HostFiles,
  { address, parent, type, shares, start = 'manual' }: DefineXeRequest,
): StoredFunction {
  const named = address === undefined ? null : cardOfFunction(files, address)
  const place = named === null ? findXePlace(files, address ?? parent ?? '') : null
  const card = named ?? place?.card
  const chosen = place === null ? address : chooseFunction(files, place)
  if (card === undefined || chosen === undefined) throw new TypeError('a place has a card and a function')
  const now = readShares(files, card, chosen)
  if (type === undefined && shares === undefined && !isGiven(now)) {
    throw new VfioError('INVALID_ARGUMENT', `no shares given for ${chosen}, which has none now`, {
      hint: `vfioctl define ${chosen} --vram SIZE --quantum TIME`,
    })
  }
  const others = prioritiesBeside(files, card.address, chosen)
  const before = { ...now, priority: others[0]?.priority ?? now.priority }
  const wanted = wantedShares({ ...(type && { type }), ...(shares && { shares }) }, before)
  checkPriority(card.address, chosen, wanted, others)
  const definition = { type: formatShares(wanted), start }
  return { address: chosen, parent: card.address, definition: { ...definition, attributes: [] } }
}

/** The priorities of the other functions of a card that are defined. */
function prioritiesBeside(files: HostFiles, card: PciAddress, address: PciAddress) {
  return xeDefinitions.list(files).definitions.flatMap(({ address: other, parent, definition }) => {
    return parent === card && other !== address ? [{ other, priority: parseShares(definition.type).priority }] : []
  })
}

/** Linux changes the priority of all functions of a card at once: two of them would never both be so. */
function checkPriority(
  card: PciAddress,
  address: PciAddress,
  { priority }: GpuShares,
  others: ReturnType<typeof prioritiesBeside>,
): void {
  const differing = others.find((it) => it.priority !== priority)
  if (differing === undefined) return
  const { other, priority: its } = differing
  const what = `${address} cannot have priority ${priority}: ${other} is defined with ${its}, and all functions of ${card} have the same`
  throw new VfioError('INVALID_ARGUMENT', what, {
    hint: `--priority ${its}; for another, vfioctl undefine ${other} first, or vfioctl apply FILE that names all of them`,
    facts: { device: address, card, priority, other, its },
  })
}

/**
 * Changes a definition; the function keeps the shares that it has. INVALID_ARGUMENT for a second priority of a card.
 */
export async function modifyXe(
  kernel: Kernel,
  address: PciAddress,
  edit: Omit<ModifyRequest, 'name' | 'parent'>,
  options: ChangeOptions = {},
): Promise<Change<XeIdentity>> {
  const stored = xeDefinitions.read(kernel.files, address)
  if (stored === null) {
    throw new VfioError('NOT_FOUND', `${address} is not defined, so there is nothing to modify`, {
      hint: `vfioctl define ${address} --vram SIZE`,
      facts: { device: address },
    })
  }
  refuseAttributes(edit.attributes ?? (edit.addAttribute && [edit.addAttribute]))
  const { definition } = stored
  const { type, shares, start = definition.start } = edit
  const wanted = wantedShares({ ...(type && { type }), ...(shares && { shares }) }, parseShares(definition.type))
  checkPriority(stored.parent, address, wanted, prioritiesBeside(kernel.files, stored.parent, address))
  const changed = { ...definition, start, type: formatShares(wanted) }
  return xeDefinitions.replace(kernel, { ...stored, definition: changed }, options)
}

/** Forgets a definition; the function keeps the shares that it has. */
export async function undefineXe(
  kernel: Kernel,
  address: PciAddress,
  options: ChangeOptions = {},
): Promise<Change<XeIdentity>> {
  const { files } = kernel
  const cardOf = (isKept: boolean) =>
    cardOfFunction(files, address)?.address ??
    (isKept ? (physicalFunctionOf(files, address) ?? address) : findXePlace(files, address).card.address)
  return xeDefinitions.undefine(kernel, address, { runs: () => false, cardOf }, options)
}
