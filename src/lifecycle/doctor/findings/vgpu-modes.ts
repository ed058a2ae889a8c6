import { counted, type PciAddress, pciAddressOrNull } from '../../../base/units.ts'
import { isSriovGpu, makesNoVgpus } from '../../../host/nvidia-gpu.ts'
import { type PhysicalFunction, pciPath, readPhysicalFunctions } from '../../../host/sriov.ts'
import { kindOrNone, listOrNone, readOrEmpty, readOrNone } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { whyNothing } from '../../device/mig.ts'
import { type Finding, seen } from '../reading/finding.ts'
import type { HostReader } from '../reading/host-reader.ts'

/** Signs of NVIDIA's driver for hosts of vGPUs, which its drivers for guests and for computing do not have. */
const hostDriver = ['/sys/module/nvidia_vgpu_vfio', '/usr/lib/nvidia/sriov-manage']

/** Modes of NVIDIA's cards in which they offer no vGPU. Those of a card that somebody asks about are a warning. */
export function vgpuModes({ files, request: { devices = [] } }: HostReader): Finding[] {
  const asked = new Set<string>(devices.flatMap((name) => pciAddressOrNull(name) ?? []))
  return readPhysicalFunctions(files)
    .functions.filter(({ address, driver }) => isSriovGpu(files, address) && !makesNoVgpus(driver))
    .filter(({ address }) => !carriesMdevs(files, address))
    .flatMap((card) => {
      const found = card.count === 0 ? withoutFunctions(files, card) : withoutTypes(files, card)
      const severity = asked.has(card.address) ? 'warning' : 'note'
      return found === null ? [] : [{ ...found, severity, device: card.address } as const]
    })
}

type Mode = Omit<Finding, 'severity' | 'device'>

function withoutFunctions(files: HostFiles, { address, total, driver }: PhysicalFunction): Mode {
  const signs = hostDriver.filter((path) => kindOrNone(files, path) !== null)
  const counts = seen(`${pciPath(address)}/sriov_numvfs`, '0')
  if (signs.length === 0) {
    return {
      id: 'vgpu-driver-missing',
      message: `${address} is with ${driver}, and NVIDIA’s driver for hosts of vGPUs is not here`,
      evidence: [counts, ...hostDriver.map((path) => seen(path, null))],
      consequence: 'its drivers for guests and for computing make no vGPUs',
      commands: [],
      advice: 'install the host’s driver of NVIDIA’s vGPU software, if the card is to carry vGPUs',
    }
  }
  return {
    id: 'vgpu-functions-off',
    message: `${address} can have ${counted(total, 'virtual function')}, of which its driver makes vGPUs, and has none`,
    evidence: [counts, ...signs.map((path) => seen(path, 'is there'))],
    consequence: 'it offers no type of vGPU',
    commands: [`vfioctl sriov ${address} all`],
    advice: null,
  }
}

/**
 * All of its functions are free, and none can be made anything. Null if a function is something else than a vGPU to be.
 */
function withoutTypes(files: HostFiles, { address, functions }: PhysicalFunction): Mode | null {
  const of = (name: string, one: PciAddress) => `${pciPath(one)}/nvidia/${name}`
  const [first] = functions
  const isBare = functions.every(
    (one) =>
      readOrNone(files, of('current_vgpu_type', one))?.trim() === '0' &&
      !/^\d+\s*:/m.test(readOrEmpty(files, of('creatable_vgpu_types', one))),
  )
  if (first === undefined || !isBare) return null
  const { why, hint } = whyNothing(address)
  return {
    id: 'vgpu-types-missing',
    message: `${address} carries no vGPU, and ${why.replace(/^it /, '')}`,
    evidence: [
      seen(of('current_vgpu_type', first), '0'),
      seen(of('creatable_vgpu_types', first), readOrEmpty(files, of('creatable_vgpu_types', first))),
    ],
    consequence: 'no vGPU can be started on it',
    commands: hint.split('; '),
    advice: 'nvidia-smi -q says its “Host VGPU Mode” too, which has to be SR-IOV',
  }
}

/** It carries mediated devices itself. */
function carriesMdevs(files: HostFiles, address: PciAddress): boolean {
  const types = `${pciPath(address)}/mdev_supported_types`
  return listOrNone(files, types).some((type) => listOrNone(files, `${types}/${type}/devices`).length > 0)
}
