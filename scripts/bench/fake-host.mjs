// A host's file tree with many mediated devices, all of them running and defined: what a listing has to read.
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const perParent = 32

/** Makes the tree below `root`: sysfs as the kernel lays it out, and mdevctl's store. */
export function makeFakeHost(root, devices) {
  const folder = (path) => mkdirSync(join(root, path), { recursive: true })
  for (const path of ['sys/bus/mdev/devices', 'sys/class/mdev_bus', 'sys/kernel/iommu_groups', 'proc', 'dev/vfio']) {
    folder(path)
  }
  for (const path of ['callouts', 'notifiers']) folder(`etc/mdevctl.d/scripts.d/${path}`)
  for (let i = 0; i < devices; i++) {
    // virtual functions of one card, eight to a device number
    const vf = Math.floor(i / perParent)
    const parent = `0000:3b:${hex(Math.floor(vf / 8), 2)}.${vf % 8}`
    if (i % perParent === 0) makeParent(root, folder, parent)
    makeDevice(root, folder, parent, i)
  }
}

/** Folder of a PCI device in sysfs: below its root port. */
function deviceFolder(parent) {
  return `devices/pci0000:3a/0000:3a:00.0/${parent}`
}

function makeParent(root, folder, parent) {
  const type = `sys/${deviceFolder(parent)}/mdev_supported_types/nvidia-222`
  folder(`${type}/devices`)
  folder(`etc/mdevctl.d/${parent}`)
  symlinkSync(`../../${deviceFolder(parent)}`, join(root, 'sys/class/mdev_bus', parent))
  const attributes = { name: 'GRID T4-1B', available_instances: '0', device_api: 'vfio-pci', create: '' }
  for (const [name, value] of Object.entries(attributes)) writeFileSync(join(root, type, name), `${value}\n`)
}

function makeDevice(root, folder, parent, index) {
  const uuid = `83b8f4f2-509f-382f-3c1e-${hex(index, 12)}`
  const device = `sys/${deviceFolder(parent)}/${uuid}`
  folder(device)
  folder(`sys/kernel/iommu_groups/${index}`)
  symlinkSync('../mdev_supported_types/nvidia-222', join(root, device, 'mdev_type'))
  symlinkSync(`../../../../../kernel/iommu_groups/${index}`, join(root, device, 'iommu_group'))
  symlinkSync(`../../../${deviceFolder(parent)}/${uuid}`, join(root, 'sys/bus/mdev/devices', uuid))
  symlinkSync(`../../../${uuid}`, join(root, device, 'mdev_type/devices', uuid))
  const definition = { mdev_type: 'nvidia-222', start: 'auto', attrs: [] }
  writeFileSync(join(root, 'etc/mdevctl.d', parent, uuid), JSON.stringify(definition, null, 2))
}

function hex(value, digits) {
  return value.toString(16).padStart(digits, '0')
}
