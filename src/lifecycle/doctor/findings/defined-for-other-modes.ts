import { pciAddressOrNull } from '../../../base/units.ts'
import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { definedOtherwise } from '../../gpu-modes/ended-by-modes.ts'
import { keptModes } from '../../gpu-modes/keep-modes.ts'
import { modesInWords } from '../../settings/gpu-modes.ts'
import { gpuModeSettings } from '../../settings/gpu-modes-schema.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** vGPUs that are defined on a card of which other modes are kept than they need. */
export function definedForOtherModes({ files }: HostReader): Finding[] {
  return gpuModeSettings.list(files).settings.flatMap(({ name, path }): Finding[] => {
    const card = pciAddressOrNull(name)
    if (card === null) return []
    const modes = keptModes(files, card)
    return definedOtherwise(files, card, modes).map(({ name: device, typeName }) => ({
      id: 'vgpu-for-other-modes',
      severity: 'warning',
      device,
      message: `${typeName} is defined for ${device}, and ${card} keeps ${modesInWords(modes).join(', ')}`,
      evidence: [seen(path, readOrEmpty(files, path))],
      consequence: 'it does not start in those modes: restore fails for it at each boot',
      commands: [`vfioctl undefine ${device}`],
      advice: `or keep other modes: vfioctl gpu-mode ${card} --help`,
    }))
  })
}
