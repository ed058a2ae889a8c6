import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const log = '/var/log/audit/audit.log'

/** Refusals of SELinux and AppArmor that are about VFIO, if the audit log can be read. Only the last is shown. */
export function deniedByPolicy({ files }: HostReader): Finding[] {
  const denials = readOrEmpty(files, log)
    .split('\n')
    .filter((line) => /avc: +denied|apparmor="DENIED"/.test(line) && /vfio|iommu/.test(line))
  const last = denials.at(-1)
  if (last === undefined) return []
  const isSelinux = last.includes('avc:')
  return [
    {
      id: 'denied-by-policy',
      severity: 'warning',
      device: null,
      message: `${isSelinux ? 'SELinux' : 'AppArmor'} has refused access to VFIO (${denials.length} in the log)`,
      evidence: [seen(log, last)],
      consequence: 'a program that may open a node by its mode is refused all the same (EACCES)',
      commands: isSelinux ? ['ausearch -m avc -ts recent'] : ['aa-status'],
      advice: isSelinux
        ? 'a label for the program, or setsebool (virt_use_… for libvirt)'
        : 'a rule for /dev/vfio in the program’s profile',
    },
  ]
}
