import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const parameter = '/sys/module/vfio/parameters/enable_unsafe_noiommu_mode'

/** The mode in which VFIO gives devices away without an IOMMU. */
export function noiommuOn({ files }: HostReader): Finding[] {
  const value = readOrEmpty(files, parameter)
  if (value.trim() !== 'Y') return []
  return [
    {
      id: 'noiommu-on',
      severity: 'warning',
      device: null,
      message: 'VFIO may give devices away without an IOMMU (noiommu)',
      evidence: [seen(parameter, value)],
      consequence: 'the user of such a device can have it read and write all memory; the kernel is tainted by its use',
      commands: [`echo 0 > ${parameter}`],
      advice: null,
    },
  ]
}
