import { readOrEmpty } from '../../../host/sysfs/readable.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Devices that may lose power while nobody uses them (D3cold): some do not come back from it. */
export function power({ files, devices }: HostReader): Finding[] {
  return devices
    .filter(({ device, vfio }) => device.bus === 'pci' && vfio)
    .flatMap(({ name, path }): Finding[] => {
      const files_ = {
        d3cold: `${path}/d3cold_allowed`,
        control: `${path}/power/control`,
        state: `${path}/power_state`,
      }
      const [d3cold, control, state] = [files_.d3cold, files_.control, files_.state].map((file) =>
        readOrEmpty(files, file).trim(),
      )
      const isLost = state === 'unknown' || state === 'error'
      if (!isLost && (d3cold !== '1' || control !== 'auto')) return []
      return [
        {
          id: isLost ? 'power-state-unknown' : 'd3cold-allowed',
          severity: isLost ? 'warning' : 'note',
          device: name,
          message: isLost
            ? `the power state of ${name} is ${state}`
            : `${name} may lose power while nobody has it open (D3cold)`,
          evidence: [
            ...(isLost ? [seen(files_.state, state ?? null)] : []),
            seen(files_.d3cold, d3cold ?? null),
            seen(files_.control, control ?? null),
          ],
          consequence:
            'some cards do not come back from it: then they read as all ones until the machine is switched off',
          commands: [`echo 0 > ${files_.d3cold}`, `echo on > ${files_.control}`],
          advice:
            'the same for its siblings in the IOMMU group; vfio-pci.disable_idle_d3=1 on the kernel’s command line keeps all awake',
        },
      ]
    })
}
