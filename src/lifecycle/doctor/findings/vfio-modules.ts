import { busNamed } from '../../../host/bus/bus.ts'
import { kernelRelease, modulePlace } from '../../../host/kernel-modules.ts'
import { kindOrNone } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { notLoaded } from '../../bindings/module-loading.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

const driver = '/sys/bus/pci/drivers/vfio-pci'
const names = ['vfio-pci', 'vfio-pci-core', 'vfio_iommu_type1', 'vfio']

/** The driver of VFIO for PCI devices: not there, not loaded, or kept from being loaded. */
export function vfioModules({ files, devices }: HostReader): Finding[] {
  if (kindOrNone(files, '/sys/bus/pci') === null) return []
  const isWanted = devices.some(({ wanted }) => wanted === 'vfio-pci')
  const isLoaded = kindOrNone(files, driver) !== null
  return [...blocked(files, isWanted && !isLoaded), ...(isLoaded ? [] : notThere(files, isWanted))]
}

function blocked(files: HostFiles, keepsNow: boolean): Finding[] {
  return names.flatMap((name) =>
    notLoaded(files, busNamed('pci'), name, 'by name').map(({ place, text, mend }) => ({
      id: 'vfio-module-blocked',
      severity: keepsNow ? 'problem' : 'warning',
      device: null,
      message: `the module ${name} may not be loaded`,
      evidence: [seen(place, text)],
      consequence: 'unless it is built in, VFIO takes no device from the next boot on',
      commands: [],
      advice: mend,
    })),
  )
}

function notThere(files: HostFiles, isWanted: boolean): Finding[] {
  const place = modulePlace(files, 'drivers/vfio/pci', 'vfio-pci')
  if (place !== null && !place.isThere) {
    return [
      {
        id: 'vfio-module-missing',
        severity: isWanted ? 'problem' : 'warning',
        device: null,
        message: `the kernel ${kernelRelease(files)} has no vfio-pci here`,
        evidence: [seen(driver, null), seen(place.folder, null)],
        consequence: 'no PCI device can be given to VFIO',
        commands: [],
        advice:
          'install the kernel’s other modules (linux-modules-extra of Ubuntu, kernel-modules of Fedora), or a kernel with CONFIG_VFIO_PCI',
      },
    ]
  }
  return [
    {
      id: 'vfio-module-not-loaded',
      severity: isWanted ? 'problem' : 'note',
      device: null,
      message: 'vfio-pci is not loaded',
      evidence: [seen(driver, null)],
      consequence: 'no PCI device can be given to VFIO before it is',
      commands: ['modprobe vfio-pci'],
      advice: null,
    },
  ]
}
