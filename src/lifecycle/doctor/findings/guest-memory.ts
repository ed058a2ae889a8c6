import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'
import { gibibytes } from '../reading/memory-to-lock.ts'

const meminfo = '/proc/meminfo'
const noHugePages = '/sys/module/vfio_iommu_type1/parameters/disable_hugepages'

/** Memory of the host for a guest that has to be in it as a whole, and huge pages for it. */
export function guestMemory({ files, request }: HostReader): Finding[] {
  const text = readOrEmpty(files, meminfo)
  const asked = request.guestMemory
  const common = { device: null, commands: [] as readonly string[], advice: null }
  const slow: Finding[] =
    readOrEmpty(files, noHugePages).trim() === 'Y'
      ? [
          {
            ...common,
            id: 'huge-pages-disabled',
            severity: 'warning',
            message: 'type1 maps page by page (disable_hugepages)',
            evidence: [seen(noHugePages, 'Y')],
            consequence: 'a large guest starts slowly, and each DMA misses the IOMMU’s cache more often',
            commands: [`echo 0 > ${noHugePages}`],
          },
        ]
      : []
  const available = kibibytes(text, 'MemAvailable')
  if (asked === undefined || available === null) return slow
  const huge = (kibibytes(text, 'Hugepagesize') ?? 0) * (counted(text, 'HugePages_Free') ?? 0)
  if (asked <= Math.max(available, huge)) return slow
  const total = kibibytes(text, 'MemTotal') ?? available
  return [
    ...slow,
    {
      ...common,
      id: 'guest-memory-missing',
      severity: asked > total ? 'problem' : 'warning',
      message: `a guest of ${gibibytes(asked)} is locked in memory as a whole, and ${gibibytes(available)} of ${gibibytes(total)} are available`,
      evidence: [seen(meminfo, /^MemAvailable:.*$/m.exec(text)?.[0] ?? null)],
      consequence: 'what a device may reach cannot be swapped out: other programs are, or are killed',
      advice: `give the guest less memory, or huge pages that are set apart early (free now: ${gibibytes(huge)})`,
    },
  ]
}

function counted(text: string, name: string): number | null {
  const [, count] = new RegExp(`^${name}:\\s+(\\d{1,12})`, 'm').exec(text) ?? []
  return count === undefined ? null : Number(count)
}

function kibibytes(text: string, name: string): number | null {
  const count = counted(text, name)
  return count === null ? null : count * 1024
}
