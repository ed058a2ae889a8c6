import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lab } from '../contract/lab.ts'
import { type Run, vfioctl } from './vfioctl.ts'

export interface LabHost extends Run {
  /** The same without the option that names the simulated host. */
  readonly plain: Run
  readonly env: Readonly<Record<string, string>>
  /** That option. */
  readonly args: readonly string[]
}

/** The virtual machine's PCI devices on the mock, those named with vfio-pci from the beginning. */
export function labHost(...withVfio: readonly string[]): LabHost {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-lab-'))
  const scenario = join(folder, 'lab.json')
  const pci = lab.pci.map((device) => (withVfio.includes(device.address) ? { ...device, driver: 'vfio-pci' } : device))
  writeFileSync(scenario, JSON.stringify({ ...lab, pci }))
  const env = { XDG_STATE_HOME: join(folder, 'state') }
  const args = [`--mock=${scenario}`]
  const plain = (...words: string[]) => vfioctl(words, { env })
  return Object.assign((...words: string[]) => plain(...args, ...words), { plain, env, args })
}
