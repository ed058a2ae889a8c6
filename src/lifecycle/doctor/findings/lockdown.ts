import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const path = '/sys/kernel/security/lockdown'

/** Lockdown, which comes with Secure Boot: what it forbids to root beside VFIO. */
export function lockdown({ files }: HostReader): Finding[] {
  const text = readOrEmpty(files, path)
  const [, level = 'none'] = /\[(\w+)\]/.exec(text) ?? []
  if (level === 'none') return []
  return [
    {
      id: 'lockdown',
      severity: 'note',
      device: null,
      message: `the kernel is locked down (${level}), as with Secure Boot`,
      evidence: [seen(path, text)],
      consequence:
        'modules without a trusted signature (vendor-reset, NVIDIA’s vGPU driver) do not load, and setpci writes nothing; VFIO itself works',
      commands: ['mokutil --sb-state'],
      advice: 'sign such modules and enrol the key (mokutil --import), or switch Secure Boot off',
    },
  ]
}
