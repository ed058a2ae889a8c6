import { counted, pciAddressOrNull } from '../../../base/units.ts'
import { type PhysicalFunction, readPhysicalFunctions } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { listKeptForBoot } from '../../boot/kept.ts'
import type { Kept } from '../../device/virtual-device-kind.ts'
import { keptFunction } from '../../sriov/kept-number.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/**
 * Settings and definitions for a device, parent or virtual function that is gone, or in the place of which another
 * stands. What comes with the number of functions that a card keeps is not missing.
 */
export function keptForAbsent({ files }: HostReader): Finding[] {
  const cards = readPhysicalFunctions(files).functions
  return listKeptForBoot(files).kept.flatMap((kept) => {
    const absence = kept.kind === 'owner' ? null : absenceOf(files, cards, kept)
    return absence === null ? [] : [finding(kept, absence)]
  })
}

interface Absence {
  /** For the end of 'WHAT is kept for DEVICE, …'. */
  readonly words: string
  /** The command that makes it be there, if one does. */
  readonly mend: string | null
}

type Cards = readonly PhysicalFunction[]

function absenceOf(files: HostFiles, cards: Cards, { device, parent, now }: Kept): Absence | null {
  if (now === 'another device') return { words: `which is ${now}`, mend: null }
  if (now === 'not there') return absentFunction(files, cards, device, 'which is', 'which is not there')
  if (now === 'function not there') return absentFunction(files, cards, device, 'which is', 'which no card here has')
  if (now !== 'parent not there' || parent === undefined) return null
  return absentFunction(files, cards, parent, 'whose parent is', 'whose parent is not there')
}

/** `otherwise`: the words for what is no virtual function of a card here. */
function absentFunction(
  files: HostFiles,
  cards: Cards,
  name: string,
  which: string,
  otherwise: string,
): Absence | null {
  const address = pciAddressOrNull(name)
  const found = address === null ? null : keptFunction(files, cards, address)
  if (found === null) return { words: otherwise, mend: null }
  const { card, number, kept } = found
  if (number <= kept) return null
  const has =
    kept === 0 ? 'no virtual functions are' : `${counted(kept, 'virtual function')} ${kept === 1 ? 'is' : 'are'}`
  return {
    words: `${which} function ${number} of ${card}, for which ${has} kept`,
    mend: `vfioctl sriov ${card} ${number}`,
  }
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
