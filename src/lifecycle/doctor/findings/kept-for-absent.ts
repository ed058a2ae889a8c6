import { listKeptForBoot } from '../../boot/kept.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Drivers and numbers of functions that are kept for a device that is gone, or that another stands in the place of. */
export function keptForAbsent({ files }: HostReader): Finding[] {
  return listKeptForBoot(files)
    .kept.filter(({ kind, now }) => kind !== 'owner' && (now === 'not there' || now === 'another device'))
    .map(({ device, what, now, path, forget }) => ({
      id: 'kept-for-absent-device',
      severity: 'warning',
      device,
      message: `${what} is kept for ${device}, which is ${now}`,
      evidence: [seen(path, what)],
      consequence: 'restore leaves it out, and fails for it at each boot',
      commands: [forget],
      advice: null,
    }))
}
