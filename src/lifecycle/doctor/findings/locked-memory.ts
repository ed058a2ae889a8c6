import { account } from '../../../host/accounts.ts'
import { hasIommufd } from '../../../host/device-node.ts'
import { memlockLimit } from '../../../host/memlock-limit.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'
import { gibibytes, memoryToLock } from '../reading/memory-to-lock.ts'
import { serviceName, unitMemlock } from '../reading/unit-memlock.ts'
import { type UserMemlock, userMemlock } from '../reading/user-memlock.ts'

/** Users whose programs libvirt starts, and for whom it raises the limit by itself. */
const ofLibvirt = new Set(['libvirt-qemu', 'qemu'])

/** A guest's memory that the limit of the user who runs it keeps from being locked, before VFIO says so with ENOMEM. */
export function lockedMemory({ files, request, devices }: HostReader): Finding[] {
  const need = memoryToLock(request, devices.length)
  if (need === null) return []
  const { unit, user: asked } = request
  if (unit === undefined && (asked === '0' || asked === 'root')) return []
  const user = asked === undefined ? null : account(files, asked)
  const whose = unit !== undefined ? serviceName(unit) : (user?.name ?? 'this user')
  const found =
    unit !== undefined ? unitMemlock(files, unit) : user === null ? ownLimit(files) : userMemlock(files, user)
  const consequence =
    'type1 counts each address space against the process that maps it, ' +
    `${hasIommufd(files) ? 'iommufd all of them against the user, ' : ''}and the kernel refuses what is beyond (ENOMEM)`
  const kibibytes = Math.ceil(need.withRoom / 1024)
  const byUser =
    user === null
      ? [`ulimit -l ${kibibytes}`]
      : [`echo '${user.name} - memlock ${kibibytes}' > /etc/security/limits.d/90-vfio.conf`]
  const mend = {
    commands: unit === undefined ? byUser : raisingUnit(serviceName(unit), kibibytes),
    advice: `in a systemd unit: LimitMEMLOCK=${kibibytes}K; libvirt raises the limit of its machines by itself`,
  }
  const common = { device: null, consequence, ...mend }
  const needs = `${need.words} locks ${gibibytes(need.bytes)}`
  if (found === null) {
    return [
      {
        ...common,
        id: 'locked-memory-limit-unknown',
        severity: 'note',
        message: `${needs}; no file tells the limit of ${whose}`,
        evidence: [seen('/etc/security/limits.conf', null)],
      },
    ]
  }
  const { limit, place, text } = found
  const evidence = [seen(place, text)]
  if (limit === null || limit >= need.withRoom) {
    const message = `${needs}, and ${whose} may lock ${limit === null ? 'all' : gibibytes(limit)}`
    return [{ ...common, id: 'locked-memory-fits', severity: 'note', message, evidence, commands: [], advice: null }]
  }
  return [
    {
      ...common,
      id: 'locked-memory-limit',
      severity: ofLibvirt.has(whose) ? 'note' : limit >= need.bytes ? 'warning' : 'problem',
      message: `${needs}, and 1 GiB more is wise; ${whose} may lock ${gibibytes(limit)}`,
      evidence,
    },
  ]
}

/** A file that extends the unit; the service has it once it is started again. */
function raisingUnit(name: string, kibibytes: number): string[] {
  const folder = `/etc/systemd/system/${name}.d`
  return [
    `mkdir -p ${folder}`,
    `printf '[Service]\\nLimitMEMLOCK=${kibibytes}K\\n' > ${folder}/90-vfio.conf`,
    'systemctl daemon-reload',
    `systemctl restart ${name}`,
  ]
}

function ownLimit(files: HostFiles): UserMemlock | null {
  const limits = memlockLimit({ files })
  if (limits === null) return null
  const text = limits.ignored ? 'CAP_IPC_LOCK: no limit' : `Max locked memory ${limits.hardLimit ?? 'unlimited'}`
  return { limit: limits.ignored ? null : limits.hardLimit, place: '/proc/self/limits', text }
}
