import type { PciAddress } from '../../../base/units.ts'
import type { PhysicalFunction } from '../../../host/sriov.ts'
import type { Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { StoredFunction } from '../../device/function-definitions.ts'
import { formatShares } from '../../device/gpu-shares.ts'
import type { Listed } from '../../device/virtual-device.ts'
import { heldFunction } from './held-function.ts'
import { isGiven, readShares } from './read-shares.ts'
import { adminPath, xeCards } from './xe-cards.ts'
import { xeDefinitions } from './xe-definitions.ts'
import { type XeIdentity, xeIdentity } from './xe-identity.ts'

/** Functions that have a share of their card or are defined to have one, or that of one address. */
export function listXe(files: HostFiles, only?: PciAddress): { listed: Listed<XeIdentity>[]; warnings: Warning[] } {
  const { definitions, warnings } = xeDefinitions.list(files)
  const stored = new Map(definitions.map((it) => [it.address, it]))
  const there = new Map<PciAddress, PhysicalFunction>()
  for (const card of xeCards(files)) {
    if (files.kind(adminPath(card.address)) === null) continue
    for (const it of card.functions) there.set(it, card)
  }
  const listed = [...new Set([...there.keys(), ...stored.keys()])]
    .filter((address) => only === undefined || address === only)
    .flatMap((address) => listOne(files, address, there.get(address), stored.get(address), warnings) ?? [])
  return { listed, warnings }
}

function listOne(
  files: HostFiles,
  address: PciAddress,
  card: PhysicalFunction | undefined,
  stored: StoredFunction | undefined,
  warnings: Warning[],
): Listed<XeIdentity> | null {
  const shares = card === undefined ? null : readShares(files, card, address, warnings)
  const active = shares !== null && isGiven(shares)
  if (!active && stored === undefined) return null
  const { node, deviceNode } = active ? heldFunction(files, address) : { node: null, deviceNode: null }
  const group = node === null ? null : Number(/(\d+)$/.exec(node)?.[1])
  const device = {
    ...xeIdentity(address),
    parent: card?.address ?? stored?.parent ?? '',
    type: active ? formatShares(shares) : (stored?.definition.type ?? ''),
    typeName: null,
    active,
    definition: stored?.definition ?? null,
    group,
    node,
    users: [],
  }
  return { device, openedAs: active ? [node, deviceNode, address].filter((it) => it !== null) : [] }
}
