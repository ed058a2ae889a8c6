import { othersAtNextBoot } from '../../bindings/next-boot.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Others that give a device another driver at the next boot than the one that it has or should have. */
export function takenAtBoot({ files, devices }: HostReader): Finding[] {
  return devices.flatMap(({ device, name, wanted }) =>
    othersAtNextBoot(files, device)
      .filter(({ driver }) => wanted !== null && driver !== wanted)
      .map(({ driver, place, mend }): Finding => {
        const isCommand = mend.startsWith('driverctl ')
        return {
          id: 'taken-at-boot',
          severity: 'warning',
          device: name,
          message: `at the next boot ${driver} may get ${name}, not ${wanted}`,
          evidence: [seen(place, driver)],
          consequence: 'two managers disagree, and the later one wins',
          commands: isCommand ? [mend] : [],
          advice: isCommand ? null : mend,
        }
      }),
  )
}
