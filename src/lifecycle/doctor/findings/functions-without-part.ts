import { counted } from '../../../base/units.ts'
import { readPhysicalFunctions } from '../../../host/sriov.ts'
import { kinds } from '../../kinds/kinds.ts'
import { sriovSettings } from '../../sriov/sriov-settings.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Functions that get no VRAM of their GPU at the next boot, since other functions of it are defined with theirs. */
export function functionsWithoutPart({ files }: HostReader): Finding[] {
  return readPhysicalFunctions(files).functions.flatMap((card): Finding[] => {
    const kept = sriovSettings.readOrNone(files, card.address)?.count ?? 0
    const without = kinds.flatMap((kind) => kind.withoutPart(files, card, kept))
    const [first] = without
    if (first === undefined) return []
    const path = sriovSettings.path(card.address)
    return [
      {
        id: 'functions-without-vram',
        severity: 'warning',
        device: card.address,
        message: `${card.address} keeps ${counted(kept, 'virtual function')}, and of some alone the VRAM is defined`,
        evidence: [seen(path, `count ${kept}`)],
        consequence: `none for ${without.join(', ')} after the next boot: equal parts are made only if none is given`,
        commands: without.map((it) => `vfioctl define ${it} --vram SIZE --auto`),
        advice: null,
      },
    ]
  })
}
