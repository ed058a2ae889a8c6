import { counted, pciAddressOrNull } from '../../../base/units.ts'
import { functionNumber, readPhysicalFunctions } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { listKeptForBoot } from '../../boot/kept.ts'
import type { Kept } from '../../device/virtual-device-kind.ts'
import { sriovSettings } from '../../sriov/sriov-settings.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/**
 * Settings and definitions for a device, parent or virtual function that is gone, or in the place of which another
 * stands.
 */
export function keptForAbsent({ files }: HostReader): Finding[] {
  return listKeptForBoot(files).kept.flatMap((kept) => {
    const absence = kept.kind === 'owner' ? null : absenceOf(files, kept)
    return absence === null ? [] : [finding(kept, absence)]
  })
}

interface Absence {
  /** For the end of 'WHAT is kept for DEVICE, …'. */
  readonly words: string
  /** The command that makes it be there, if one does. */
  readonly mend: string | null
}

function absenceOf(files: HostFiles, { device, now }: Kept): Absence | null {
  if (now === 'not there' || now === 'another device') return { words: `which is ${now}`, mend: null }
  if (now === 'parent not there') return { words: 'whose parent is not there', mend: null }
  return now === 'function not there' ? absentFunction(files, device) : null
}

/** A function that comes with the number that its card keeps is none that is missing. */
function absentFunction(files: HostFiles, device: string): Absence | null {
  const address = pciAddressOrNull(device)
  for (const card of address === null ? [] : readPhysicalFunctions(files).functions) {
    const number = address === null ? null : functionNumber(files, card, address)
    if (number === null) continue
    const kept = sriovSettings.readOrNone(files, card.address)?.count ?? 0
    if (number <= kept) return null
    const has =
      kept === 0 ? 'no virtual functions are' : `${counted(kept, 'virtual function')} ${kept === 1 ? 'is' : 'are'}`
    const mend = `vfioctl sriov ${card.address} ${number}`
    return { words: `function ${number} of ${card.address}, for which ${has} kept`, mend }
  }
  return { words: 'which is a function of no card here', mend: null }
}

function finding({ device, what, path, forget }: Kept, { words, mend }: Absence): Finding {
  return {
    id: 'kept-for-absent-device',
    severity: 'warning',
    device,
    message: `${what} is kept for ${device}, ${words}`,
    evidence: [seen(path, what)],
    consequence: 'restore leaves it out, and fails for it at each boot if it is to start by itself',
    commands: [mend ?? forget],
    advice: mend === null ? null : `or forget it: ${forget}`,
  }
}
