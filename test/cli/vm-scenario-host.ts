import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vmScenario } from '../contract/vm-scenario.ts'
import { type Run, vfioctl } from './vfioctl.ts'

export interface VmScenarioHost extends Run {
  /** The same without the option that names the simulated host. */
  readonly plain: Run
  readonly env: Readonly<Record<string, string>>
  /** That option. */
  readonly args: readonly string[]
}

/** The virtual machine's PCI devices on the mock, those named with vfio-pci from the beginning. */
export function vmScenarioHost(...withVfio: readonly string[]): VmScenarioHost {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-vm-scenario-'))
  const scenario = join(folder, 'vm-scenario.json')
  const pci = vmScenario.pci.map((device) =>
    withVfio.includes(device.address) ? { ...device, driver: 'vfio-pci' } : device,
  )
  writeFileSync(scenario, JSON.stringify({ ...vmScenario, pci }))
  const env = { XDG_STATE_HOME: join(folder, 'state') }
  const args = [`--mock=${scenario}`]
  const plain = (...words: string[]) => vfioctl(words, { env })
  return Object.assign((...words: string[]) => plain(...args, ...words), { plain, env, args })
}
