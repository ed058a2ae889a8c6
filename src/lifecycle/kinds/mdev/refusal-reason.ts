import { counted, pciAddressOrNull } from '../../../base/units.ts'
import { isSriovGpu, makesNoVgpus } from '../../../host/nvidia-gpu.ts'
import type { PhysicalFunction } from '../../../host/sriov.ts'
import { readPhysicalFunction } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { migReason, type RefusalReason } from '../../device/mig.ts'
import { cardOf } from '../../device/parents.ts'
import { type MdevType, mdevBus, readMdevTypes, type TypeOfParent } from './mdev-types.ts'

/** The likely reason of a parent's refusal of a type, found by looking at it; null if nothing is to be seen. */
export function refusalReason(files: HostFiles, { parent, type }: TypeOfParent): RefusalReason | null {
  if (files.kind(`${mdevBus}/${parent}`) === null) {
    return { why: `its driver offers nothing on ${parent} any more`, hint: 'vfioctl types; vfioctl groups' }
  }
  const { types } = readMdevTypes(files, { parent })
  const now = types.find((it) => it.type === type)
  if (now === undefined) return { why: `${parent} no longer offers ${type}`, hint: `vfioctl types -p ${parent}` }
  const most = now.details.maxInstances
  if (most !== null && now.devices.length >= most) {
    const hint = `vfioctl stop ${now.devices[0]} makes room`
    return { why: `there are ${now.devices.length} of this type already, of at most ${most}`, hint }
  }
  return withoutFunctions(files, parent) ?? migReason(cardOf(files, parent), now, types.filter(isOffered))
}

function isOffered({ available }: MdevType): boolean {
  return available !== 0
}

/** A card that makes its vGPUs on virtual functions offers types on itself too, and refuses each. */
function withoutFunctions(files: HostFiles, parent: string): RefusalReason | null {
  const address = pciAddressOrNull(parent)
  const card = address === null ? null : readPhysicalFunction(files, address)
  if (card === null || !needsFunctions(files, card)) return null
  return {
    why: `${card.address} can have ${counted(card.total, 'virtual function')} and has none`,
    hint: `vfioctl sriov ${card.address} all, then vfioctl types`,
  }
}

/** True if the card offers no virtual devices because it has no virtual functions yet, of which they would be made. */
export function needsFunctions(files: HostFiles, { address, count, driver }: PhysicalFunction): boolean {
  if (count > 0 || makesNoVgpus(driver) || !isSriovGpu(files, address)) return false
  // such a card may show types on itself too, and refuses each
  return readMdevTypes(files, { parent: address }).types.every(({ devices }) => devices.length === 0)
}
