import { restoreStatus } from '../../boot/install.ts'
import { listKeptForBoot } from '../../boot/kept.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Settings for the next boots that nothing carries out at a boot. Those of mediated devices mdevctl may. */
export function notRestored({ files }: HostReader): Finding[] {
  const { kept } = listKeptForBoot(files)
  const ours = kept.filter(({ path }) => path.startsWith('/etc/vfioctl.d/'))
  const { installed, files: bootFiles } = restoreStatus(files)
  if (ours.length === 0 || installed) return []
  const [first, ...others] = ours
  const more = others.length === 0 ? '' : ` and ${others.length} more`
  return [
    {
      id: 'restore-not-installed',
      severity: 'warning',
      device: null,
      message: `nothing brings back at boot what is kept: ${first?.what} of ${first?.device}${more}`,
      evidence: bootFiles.slice(0, 1).map(({ path, state }) => seen(path, state === 'missing' ? null : state)),
      consequence: 'the next boot undoes it',
      commands: ['vfioctl boot install'],
      advice: null,
    },
  ]
}
