import type { Machine } from '../machine.ts'
import type { Snapshot } from '../state/state.ts'
import { Container } from '../vfio/container.ts'
import { Group } from '../vfio/group.ts'
import { vfioGroups } from '../vfio/vfio-groups.ts'
import { overwrite } from './disk.ts'
import { procFolder } from './proc.ts'
import { addMdevs } from './sysfs-mdev.ts'
import { addModules } from './sysfs-modules.ts'
import { addPci } from './sysfs-pci.ts'
import { Directory, type Folder } from './tree.ts'

/** Every file of the machine in one state. Most of it is made when looked at. */
export function buildRoot(machine: Machine, state: Snapshot): Folder {
  const root = new Directory(true)
  addDisk(root, machine, state)
  const sys = new Directory()
  addModules(sys, machine, state)
  addPci(sys, machine, state)
  addMdevs(sys, machine, state)
  return root.set('sys', sys).set('proc', procFolder(machine)).set('dev', deviceNodes(machine, state))
}

function addDisk(root: Directory, { store }: Machine, state: Snapshot): void {
  for (const [path, text] of Object.entries(state.disk)) {
    const slash = path.lastIndexOf('/')
    if (text === null) root.at(path)
    else {
      root.at(path.slice(0, slash)).set(path.slice(slash + 1), {
        kind: 'file',
        read: () => text,
        write: (bytes) => store.update((draft) => overwrite(draft.disk, path, bytes)),
      })
    }
  }
}

/** /dev: the container, and one node for each group that VFIO has. */
function deviceNodes(machine: Machine, state: Snapshot): Directory {
  const dev = new Directory()
  const vfio = dev.at('vfio')
  vfio.set('vfio', { kind: 'device', open: () => Container.open(machine) })
  for (const group of vfioGroups(machine.scenario, state)) {
    vfio.set(String(group.number), { kind: 'device', open: () => Group.open(machine, group) })
  }
  return dev
}
