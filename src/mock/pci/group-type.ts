import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import { type MockState, pciKey, type Snapshot } from '../state/state.ts'
import { type PciDevice, pciDraft, pciRecord } from './devices.ts'
import { isHarmless } from './groups.ts'

/** Types of a group for the host's own drivers: translated at once or in batches, or not at all. */
const types = ['DMA', 'DMA-FQ', 'identity'] as const

type GroupType = (typeof types)[number]

/** As sysfs shows it. The devices of a group have it in common. */
export function groupType(state: Snapshot, device: PciDevice): string {
  const { isNoiommu, groupType: type } = pciRecord(state, device)
  return isNoiommu ? 'unknown' : type
}

/**
 * A write to a group's `type`. From DMA to DMA-FQ always; else EPERM while a driver uses DMA in it or somebody has it
 * open, or before 6.5 EBUSY while any driver has its device, and EINVAL if it has several.
 */
export function setGroupType(
  draft: MockState,
  { retypesAttended }: KernelTraits,
  members: readonly PciDevice[],
  bytes: Buffer,
): void {
  const [first] = members
  const wanted = parseType(bytes)
  if (first === undefined || wanted === null || groupType(draft, first) === 'unknown') throw new Errno('EINVAL')
  if (!retypesAttended && members.length > 1) throw new Errno('EINVAL')
  const isUpgrade = wanted === 'DMA-FQ' && pciRecord(draft, first).groupType === 'DMA'
  if (!isUpgrade && retypesAttended && members.some((device) => isOwned(draft, device))) throw new Errno('EPERM')
  if (!isUpgrade && !retypesAttended && members.some((device) => isBound(draft, device))) throw new Errno('EBUSY')
  for (const device of members) pciDraft(draft, device).groupType = wanted
}

/** One newline may follow. What the kernel would choose is DMA here. */
function parseType(bytes: Buffer): GroupType | null {
  const text = bytes.toString('latin1').replace(/\n$/, '')
  return text === 'auto' ? 'DMA' : (types.find((type) => type === text) ?? null)
}

function isBound(state: Snapshot, device: PciDevice): boolean {
  return pciRecord(state, device).driver !== null
}

function isOwned(state: Snapshot, device: PciDevice): boolean {
  const isOpen = state.processes.some(({ opened }) => opened.includes(pciKey(device.address)))
  return isOpen || !isHarmless(state, device)
}
