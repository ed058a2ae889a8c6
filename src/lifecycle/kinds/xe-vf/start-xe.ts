import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { findDeviceUsers } from '../../../host/device-users.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import { checkNotHeld } from '../../device/device-lock.ts'
import { formatShares, noShares } from '../../device/gpu-shares.ts'
import type { StartRequest } from '../../device/requests.ts'
import { withLock } from '../../files/lock.ts'
import { checkNotWithHost, heldFunction } from './held-function.ts'
import { isGiven, readShares, type XeShares } from './read-shares.ts'
import { setShares } from './set-shares.ts'
import { needsIdle, shareWrites } from './share-writes.ts'
import { refuseAttributes, wantedShares } from './wanted-shares.ts'
import { findXePlace, type XePlace } from './xe-cards.ts'
import { xeDefinitions } from './xe-definitions.ts'
import { type XeIdentity, xeIdentity } from './xe-identity.ts'

/** The shares to give to a function. */
export interface StartXeRequest extends Pick<StartRequest, 'type' | 'shares' | 'attributes'> {
  readonly address?: PciAddress
  /** A card, of which a function is taken that nobody uses and that is not defined; or a function. */
  readonly parent?: string
}

/**
 * Gives a function of a GPU its shares: those of its definition if none are named. VRAM only while nobody uses it; time
 * also while it runs. What it has already is no change.
 */
export async function startXe(
  kernel: Kernel,
  request: StartXeRequest,
  options: ChangeOptions = {},
): Promise<Change<XeIdentity>> {
  const { files } = kernel
  refuseAttributes(request.attributes)
  const place = findXePlace(files, request.address ?? request.parent ?? '')
  const address = chooseFunction(files, place)
  const stored = xeDefinitions.read(files, address)
  const asked = request.type === undefined && stored !== null ? { ...request, type: stored.definition.type } : request
  return changeShares(kernel, { place, address }, (now) => wantedShares(asked, now), options)
}

/** Takes a function's shares back, but the priority, which all functions have. DEVICE_BUSY if it is in use. */
export async function stopXe(
  kernel: Kernel,
  address: PciAddress,
  options: ChangeOptions = {},
): Promise<Change<XeIdentity>> {
  const { files } = kernel
  const stored = xeDefinitions.read(files, address)
  const dryRun = options.dryRun === true
  const none = { ...xeIdentity(address), type: null, changed: false, dryRun, steps: [] }
  // its card has not so many functions now
  if (stored !== null && files.kind(pciPath(address)) === null) return { ...none, parent: stored.parent }
  const place = findXePlace(files, address)
  if (place.card.address === address) throw isCard(address)
  const before = formatShares(readShares(files, place.card, address))
  const change = await changeShares(kernel, { place, address }, ({ priority }) => ({ ...noShares, priority }), options)
  return { ...change, type: change.changed ? before : null }
}

async function changeShares(
  kernel: Kernel,
  { place: { card }, address }: { readonly place: XePlace; readonly address: PciAddress },
  wish: (now: XeShares) => ReturnType<typeof wantedShares>,
  options: ChangeOptions,
): Promise<Change<XeIdentity>> {
  const { files } = kernel
  const dryRun = options.dryRun === true
  const run = async (): Promise<Change<XeIdentity>> => {
    const now = readShares(files, card, address)
    const wanted = wish(now)
    const writes = shareWrites(files, card, address, wanted, now)
    if (needsIdle(writes)) {
      checkNotWithHost(files, address)
      if (dryRun) checkNotHeld(kernel, heldFunction(files, address))
    }
    if (!dryRun && writes.length > 0) await setShares(kernel, card, address, { wanted, writes }, options)
    if (wanted.priority !== now.priority && writes.length > 0) {
      options.onMessage?.(`the priority is that of all functions of ${card.address}: it is ${wanted.priority} now`)
    }
    const changed = writes.length > 0
    return { ...xeIdentity(address), parent: card.address, type: formatShares(wanted), changed, dryRun, steps: writes }
  }
  return dryRun ? run() : withLock(kernel, pciPath(card.address), run, options)
}

/**
 * The one that was named. Of a card one that nobody uses and that is not defined: without a share, else with the part
 * that the card's driver has given to most of them alike. A share that is like no other, somebody has given.
 */
export function chooseFunction(files: HostFiles, { card, functions }: XePlace): PciAddress {
  const [only, ...others] = functions
  if (only !== undefined && others.length === 0 && only !== card.address) return only
  const free = functions.filter((it) => files.kind(xeDefinitions.settings.path(it)) === null)
  const names = free.map((it) => ({ it, held: heldFunction(files, it) }))
  const users = findDeviceUsers(
    files,
    new Set(names.flatMap(({ it, held }) => [it, held.node, held.deviceNode].filter((name) => name !== null))),
  )
  const shares = functions.map((it) => formatShares(readShares(files, card, it)))
  const alike = (it: PciAddress) => shares.filter((one) => one === shares[functions.indexOf(it)]).length
  const unused = names
    .filter(({ it, held }) => [it, held.node, held.deviceNode].every((name) => name === null || !users.has(name)))
    .map(({ it }) => it)
  const without = unused.find((it) => !isGiven(readShares(files, card, it)))
  const chosen = without ?? unused.find((it) => functions.length === 1 || alike(it) > 1)
  if (chosen !== undefined) return chosen
  if (unused.length > 0) throw allGiven(card.address, unused)
  throw new VfioError(
    'NO_INSTANCE_LEFT',
    `${card.address} has no free function: of ${functions.length}, ${functions.length - free.length} are defined, and ${free.length} are open`,
    {
      hint: `vfioctl list -p ${card.address}; vfioctl sriov ${card.address} COUNT, up to ${card.total}`,
      facts: { card: card.address, functions: functions.length },
    },
  )
}

function allGiven(card: PciAddress, functions: readonly PciAddress[]): VfioError {
  const message = `each function of ${card} has a share of its own, and none is to be overwritten unasked: name one`
  return new VfioError('NO_INSTANCE_LEFT', message, {
    hint: `vfioctl list -p ${card}; vfioctl stop ADDRESS gives one back`,
    facts: { card, functions },
  })
}

/** A card is named by the same kind of address as its functions. */
function isCard(card: PciAddress): VfioError {
  return new VfioError('INVALID_ARGUMENT', `${card} is a card, and its functions have the shares`, {
    hint: `vfioctl list -p ${card}`,
    facts: { card },
  })
}
