import { pciAddressOrNull } from '../../../base/units.ts'
import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import type { GpuState } from '../../gpu-modes/gpu-state.ts'
import { isCutAs, migWish } from '../../gpu-modes/mode-steps.ts'
import { type GpuModes, modesInWords } from '../../settings/gpu-modes.ts'
import { gpuModeSettings } from '../../settings/gpu-modes-schema.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/**
 * Modes of NVIDIA's cards that are kept for every boot and that the card has not: `sriov-manage` and a boot clear them.
 */
export function modesNotSet({ files, gpuStates }: HostReader): Finding[] {
  return gpuModeSettings.list(files).settings.flatMap(({ name, path, value }): Finding[] => {
    const card = pciAddressOrNull(name)
    const state = card === null ? undefined : gpuStates.get(card)
    if (state === undefined || isAsKept(state, value)) return []
    return [
      {
        id: 'gpu-modes-not-set',
        severity: 'warning',
        device: name,
        message: `${name} is to have ${modesInWords(value).join(', ')}, and has ${stateInWords(state)}`,
        evidence: [seen(path, readOrEmpty(files, path))],
        consequence: 'vGPUs that need those modes cannot be started on it',
        commands: [`vfioctl restore -p ${name}`],
        advice: null,
      },
    ]
  })
}

function isAsKept({ mig, instances, heterogeneous }: GpuState, kept: GpuModes): boolean {
  const isOn = mig?.current === true
  return (
    (migWish(kept) ?? isOn) === isOn &&
    isCutAs(instances, kept.mig ?? instances.map(({ profile }) => ({ profile, count: 1 }))) &&
    (kept.heterogeneous ?? heterogeneous === true) === (heterogeneous === true)
  )
}

function stateInWords({ mig, instances, heterogeneous }: GpuState): string {
  const sizes = heterogeneous === null ? {} : { heterogeneous }
  if (mig?.current !== true) return modesInWords({ ...sizes, ...(mig === null ? {} : { mig: [] }) }).join(', ')
  if (instances.length === 0) return 'MIG on, and no GPU instance'
  const counts = new Map<string, number>()
  for (const { profile } of instances) counts.set(profile, (counts.get(profile) ?? 0) + 1)
  return modesInWords({ mig: [...counts].map(([profile, count]) => ({ profile, count })) }).join(', ')
}
