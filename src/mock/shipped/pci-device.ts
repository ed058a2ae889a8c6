import type { ScenarioPciDevice } from '../scenario/scenario.ts'

/** A PCI device of a scenario, with ids as lspci writes them: '8086:3e30'. */
export function pciDevice(
  address: string,
  id: string,
  rest: Pick<ScenarioPciDevice, 'class' | 'revision' | 'driver' | 'iommuGroup'> & Partial<ScenarioPciDevice>,
): ScenarioPciDevice {
  const [vendor = '', device = ''] = id.split(':').map((part) => `0x${part}`)
  const subsystem = { subsystemVendor: '0x1028', subsystemDevice: '0x0869' }
  return { address, vendor, device, ...subsystem, numaNode: -1, ...rest }
}
