import { pciAddressOrNull } from '../../../base/units.ts'
import { readPciPower } from '../../../host/pci-power.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader, WantedDevice } from '../reading/host-reader.ts'

/** Devices that may lose power while nobody uses them (D3cold), from which some do not come back. */
export function power({ files, devices }: HostReader): Finding[] {
  return devices.flatMap((device): Finding[] => {
    const address = device.device.bus === 'pci' && device.vfio ? pciAddressOrNull(device.name) : null
    if (address === null) return []
    const { powerState, d3coldAllowed, control } = readPciPower(files, address)
    if (powerState === 'error') return [notFollowing(device)]
    return d3coldAllowed === true && control === 'auto' ? [mayLosePower(device)] : []
  })
}

const consequence = 'some cards do not come back from it, and read as all ones until the machine is switched off'

function mayLosePower({ name, path, kept, driver }: WantedDevice): Finding {
  const [allowed, control] = [`${path}/d3cold_allowed`, `${path}/power/control`]
  return {
    id: 'd3cold-allowed',
    severity: 'note',
    device: name,
    message: `${name} may lose power while nobody has it open (D3cold)`,
    evidence: [seen(allowed, '1'), seen(control, 'auto')],
    consequence,
    commands: [`vfioctl bind ${name} ${kept === null ? `${driver} ` : ''}--power on --d3cold off`],
    advice:
      'the same for the rest of its IOMMU group; vfio-pci.disable_idle_d3=1 on the kernel’s command line keeps all devices of VFIO awake',
  }
}

function notFollowing({ name, path }: WantedDevice): Finding {
  return {
    id: 'power-state-error',
    severity: 'warning',
    device: name,
    message: `${name} did not change its power state as it was told`,
    evidence: [seen(`${path}/power_state`, 'error')],
    consequence: 'it may answer nothing any more',
    commands: [`vfioctl reset ${name} --try`],
    advice: null,
  }
}
