import { hasIommufd } from '../../../host/device-node.ts'
import { kernelRelease, modulePlace, releaseFile } from '../../../host/kernel-modules.ts'
import { kindOrNone } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** /dev/iommu and the devices' own nodes, which newer programs use in place of groups. */
export function iommufdMissing({ files, devices }: HostReader): Finding[] {
  if (!hasIommufd(files)) {
    const place = modulePlace(files, 'drivers/iommu/iommufd', 'iommufd')
    const isMissing = place !== null && !place.isThere
    return [
      {
        id: 'iommufd-missing',
        severity: 'note',
        device: null,
        message: 'there is no /dev/iommu',
        evidence: [
          seen('/dev/iommu', null),
          seen(isMissing ? place.folder : releaseFile, isMissing ? null : kernelRelease(files)),
        ],
        consequence: 'programs that ask for iommufd (QEMU’s -object iommufd) fail; groups and containers work',
        commands: isMissing ? [] : ['modprobe iommufd'],
        advice: 'Linux has it from 6.2 on, if it was built with CONFIG_IOMMUFD',
      },
    ]
  }
  const withVfio = devices.find(({ vfio }) => vfio)
  if (withVfio === undefined || kindOrNone(files, '/dev/vfio/devices') !== null) return []
  return [
    {
      id: 'device-nodes-missing',
      severity: 'note',
      device: null,
      message: 'there is /dev/iommu, and no node of a device in /dev/vfio/devices',
      evidence: [seen('/dev/vfio/devices', null), seen(`${withVfio.path}/driver`, withVfio.driver)],
      consequence: 'iommufd takes devices only by such a node',
      commands: [],
      advice: 'Linux has them from 6.6 on, if it was built with CONFIG_VFIO_DEVICE_CDEV',
    },
  ]
}
