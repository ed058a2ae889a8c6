import type { Scenario } from '../scenario.ts'
import { plainDisk } from './plain-disk.ts'

export const mainframe: Scenario = {
  name: 'mainframe',
  kernel: '6.12',
  modules: { vfio: {}, mdev: {} },
  pci: [],
  parents: [],
  disk: plainDisk,
}
