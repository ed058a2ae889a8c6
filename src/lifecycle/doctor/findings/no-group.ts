import { busNamed } from '../../../host/bus/bus.ts'
import { iommuGroups } from '../../../host/iommu-groups.ts'
import { listOrNone } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Devices in no IOMMU group although the IOMMU is at work. One without a driver may get its group with its first. */
export function noGroup({ files, devices }: HostReader): Finding[] {
  if (listOrNone(files, iommuGroups).length === 0) return []
  return devices
    .filter(({ device, group, driver }) => group === null && driver !== null && busNamed(device.bus).opens === 'device')
    .map(({ name, path }) => ({
      id: 'device-without-group',
      severity: 'problem',
      device: name,
      message: `${name} is in no IOMMU group, while other devices are`,
      evidence: [seen(`${path}/iommu_group`, null)],
      consequence: 'VFIO does not take it: no IOMMU is in front of it',
      commands: ['dmesg | grep -iE "dmar|iommu|smmu"'],
      advice: 'the kernel’s log says which units were left out; another slot may be behind an IOMMU',
    }))
}
