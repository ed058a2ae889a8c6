import { counted } from '../../../base/units.ts'
import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const parameter = '/sys/module/vfio_iommu_type1/parameters/dma_entry_limit'
/** The kernel's own. */
const usual = 65535
const smallestPage = 4096

/** The number of mappings that a container may have, for guests that map page by page. */
export function mappingLimit({ files, request: { guestMemory, viommu = false } }: HostReader): Finding[] {
  const text = readOrEmpty(files, parameter).trim()
  if (!/^\d{1,10}$/.test(text)) return []
  const limit = Number(text)
  const worst = viommu && guestMemory !== undefined ? Math.ceil(guestMemory / smallestPage) : usual
  if (limit >= worst) return []
  const isLowered = limit < usual
  return [
    {
      id: 'mapping-limit',
      severity: isLowered ? 'warning' : 'note',
      device: null,
      message: isLowered
        ? `type1 takes ${counted(limit, 'mapping')} of a container, fewer than the kernel’s own ${usual}`
        : `type1 takes ${counted(limit, 'mapping')} of a container; a guest that maps all its memory page by page needs ${worst}`,
      evidence: [seen(parameter, text)],
      consequence: 'a mapping beyond is refused (ENOSPC)',
      commands: [`echo ${Math.max(worst, usual)} > ${parameter}`],
      advice:
        'for every boot: options vfio_iommu_type1 dma_entry_limit=… in /etc/modprobe.d; it counts for containers opened later',
    },
  ]
}
