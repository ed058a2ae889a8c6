import { othersAtNextBoot } from '../../bindings/next-boot.ts'
import { givesToVfio } from '../../bindings/wanted-driver.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Devices that VFIO has, and that nothing gives to it at the next boot. */
export function notKept({ files, devices }: HostReader): Finding[] {
  return devices
    .filter(({ device, driver, kept }) => {
      return device.bus === 'pci' && kept === null && driver !== null && givesToVfio(files, device, driver)
    })
    .filter(({ device }) => othersAtNextBoot(files, device).length === 0)
    .map(({ name, path, driver }) => ({
      id: 'binding-not-kept',
      severity: 'note',
      device: name,
      message: `${name} is with ${driver} until the next boot`,
      evidence: [seen(`${path}/driver`, driver)],
      consequence: 'its own driver takes it at the next boot, unless libvirt, or who runs its machine, binds it again',
      commands: [`vfioctl bind ${name}`],
      advice: null,
    }))
}
