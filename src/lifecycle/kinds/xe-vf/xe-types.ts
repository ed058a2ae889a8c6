import { counted, formatSize, type PciAddress } from '../../../base/units.ts'
import type { PhysicalFunction } from '../../../host/sriov.ts'
import type { Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { DeviceType, TypeFilter } from '../../device/device-type.ts'
import { parentName } from '../../device/parents.ts'
import { isGiven, readShares, type XeShares } from './read-shares.ts'
import { adminPath, possibleFunctions, whyNoAdmin, xeCards } from './xe-cards.ts'

/** The one type of a card: its functions have shares of any size. */
export const shareType = 'shares'

/** The shares that each card can give, and warnings of cards that give none. */
export function readXeTypes(files: HostFiles, filter: TypeFilter = {}): { types: DeviceType[]; warnings: Warning[] } {
  const warnings: Warning[] = []
  const only = filter.parent === undefined ? undefined : parentName(filter.parent)
  const types = xeCards(files).flatMap((card) => {
    if (only !== undefined && only !== card.address && !card.functions.some((it) => it === only)) return []
    if (files.kind(adminPath(card.address)) === null) {
      warnings.push({ path: adminPath(card.address), message: `is missing: ${whyNoAdmin(card.address)}` })
      return []
    }
    return [typeOf(files, card, warnings)]
  })
  return { types: types.filter(({ type }) => filter.type === undefined || filter.type === type), warnings }
}

function typeOf(files: HostFiles, card: PhysicalFunction, warnings: Warning[]): DeviceType {
  const shares = card.functions.map((address) => ({ address, has: readShares(files, card, address, warnings) }))
  const given = shares.filter(({ has }) => isGiven(has))
  return {
    kind: 'xe-vf',
    parent: card.address,
    type: shareType,
    name: null,
    deviceApi: 'vfio-pci',
    available: shares.length - given.length,
    description: describe(files, card, shares),
    details: { framebufferMiB: null, maxResolution: null, heads: null, maxInstances: card.total },
    devices: given.map(({ address }) => address),
  }
}

function describe(
  files: HostFiles,
  card: PhysicalFunction,
  shares: readonly { readonly address: PciAddress; readonly has: XeShares }[],
): string {
  const [first] = possibleFunctions(files, card)
  const sample = shares[0]?.has ?? (first === undefined ? null : readShares(files, card, first))
  const given = shares.reduce((sum, { has }) => sum + has.vram, 0)
  const vram = given === 0 ? 'none given' : `${formatSize(given)} given`
  return [
    `${card.count} of ${counted(card.total, 'virtual function')}`,
    ...(sample?.hasVram === true ? [`VRAM: ${vram}; --vram SIZE, in pieces of 2 MiB`] : ['no VRAM to share by hand']),
    'time: --quantum and --timeout, up to 100 s each; unlimited if not given',
    `priority: ${sample?.priority ?? 'low'} for all functions; --priority low or normal`,
  ].join('\n')
}
