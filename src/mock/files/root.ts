import { overwrite } from '../base/disk.ts'
import { Iommufd } from '../iommufd/iommufd.ts'
import type { Machine } from '../machine/machine.ts'
import { modprobePath, modulesAlias, modulesDep } from '../pci/variant-drivers.ts'
import { hasIommufd } from '../scenario/loaded-modules.ts'
import { isWritable, moduleParameter, setModuleParameter } from '../state/module-parameters.ts'
import type { Snapshot } from '../state/state.ts'
import { Container } from '../vfio/container.ts'
import { DeviceNode } from '../vfio/device-node.ts'
import { Group } from '../vfio/group.ts'
import { noiommuPrefix, type VfioDevice, type VfioGroup, vfioGroups } from '../vfio/vfio-groups.ts'
import { addDeviceNumber } from './device-numbers.ts'
import { procFolder } from './proc.ts'
import { addAp } from './sysfs-ap.ts'
import { addCss } from './sysfs-css.ts'
import { addMdevs } from './sysfs-mdev.ts'
import { addPci } from './sysfs-pci.ts'
import { addPlatform } from './sysfs-platform.ts'
import { addScreen, screenMemory } from './sysfs-screen.ts'
import { Directory, type Folder, readOnly, type TextFile } from './tree.ts'

/** Every file of the machine in one state. Most of it is made when looked at. */
export function buildRoot(machine: Machine, state: Snapshot): Folder {
  const root = new Directory(true)
  addDisk(root, machine, state)
  addModuleFiles(root, machine, state)
  const sys = new Directory()
  addModules(sys, machine, state)
  addPci(sys, machine, state)
  addAp(sys, machine, state)
  addCss(sys, machine, state)
  addPlatform(sys, machine, state)
  addScreen(sys, machine, state)
  addMdevs(sys, machine, state)
  addDeviceNumber(sys, '/dev/vfio/vfio', '/sys/devices/virtual/misc/vfio')
  if (hasIommufd(machine.scenario)) addDeviceNumber(sys, '/dev/iommu', '/sys/devices/virtual/misc/iommu')
  return root
    .set('sys', sys)
    .set('proc', procFolder(machine, screenMemory(machine, state)))
    .set('dev', deviceNodes(machine, state))
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

/**
 * /lib/modules of the kernel that runs, and modprobe if the scenario has modules for it, unless the disk has another
 * there.
 */
function addModuleFiles(root: Directory, { scenario, traits }: Machine, state: Snapshot): void {
  const add = (path: string, text: string) => {
    const above = path.split('/').map((_, index, parts) => parts.slice(0, index + 1).join('/'))
    if (above.some((it) => typeof state.disk[it] === 'string')) return
    const slash = path.lastIndexOf('/')
    root.at(path.slice(0, slash)).set(path.slice(slash + 1), readOnly(text))
  }
  add(`/lib/modules/${traits.release}/modules.alias`, modulesAlias(scenario))
  if ((scenario.variantDrivers ?? []).length === 0) return
  add(modprobePath, '')
  add(`/lib/modules/${traits.release}/modules.dep`, modulesDep(scenario))
}

/** /sys/module: what is loaded, and its parameters. */
function addModules(sys: Directory, { scenario, store }: Machine, state: Snapshot): void {
  for (const name of state.modules) sys.at(`module/${name}`).set('initstate', readOnly('live\n'))
  for (const [name, parameters] of Object.entries(scenario.modules)) {
    const module = sys.at(`module/${name}`).set('initstate', readOnly('live\n'))
    for (const parameter of Object.keys(parameters)) {
      const value = moduleParameter(scenario, state, name, parameter) ?? ''
      // an array of which nothing was given is no line at all
      const shown = readOnly(value === '' ? '' : `${value}\n`)
      const write: TextFile['write'] = (bytes) =>
        store.update((draft) => setModuleParameter(draft, name, parameter, bytes))
      module.at('parameters').set(parameter, isWritable(name, parameter) ? { ...shown, write } : shown)
    }
  }
}

/** /dev/vfio/devices: a device's own node. */
function addDeviceNode(vfio: Directory, machine: Machine, group: VfioGroup, device: VfioDevice): void {
  if (device.vfioIndex === null || device.isLeaving) return
  const name = `${noiommuPrefix(group)}vfio${device.vfioIndex}`
  const path = `/dev/vfio/devices/${name}`
  vfio.at('devices').set(name, { kind: 'device', open: () => DeviceNode.open(machine, group, device, path) })
}

/** /dev: the container, and one node for each group that VFIO has. */
function deviceNodes(machine: Machine, state: Snapshot): Directory {
  const dev = new Directory()
  const vfio = dev.at('vfio')
  vfio.set('vfio', { kind: 'device', open: () => Container.open(machine) })
  const { scenario } = machine
  if (hasIommufd(scenario)) dev.set('iommu', { kind: 'device', open: () => Iommufd.open(machine) })
  for (const group of vfioGroups(scenario, state)) {
    vfio.set(`${noiommuPrefix(group)}${group.number}`, { kind: 'device', open: () => Group.open(machine, group) })
    if (hasIommufd(scenario)) for (const device of group.devices) addDeviceNode(vfio, machine, group, device)
  }
  return dev
}
