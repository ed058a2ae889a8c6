import { Errno } from '../base/errno.ts'
import type { Machine } from '../machine/machine.ts'
import { waitForRelease } from '../machine/wait-for-release.ts'
import { attributesOf, beginRemoval, parseRemove, storeAttribute } from '../mdev/mdevs.ts'
import { matrixParent, typeOf } from '../scenario/parents.ts'
import type { ScenarioAttribute, ScenarioParent } from '../scenario/scenario.ts'
import { below, mdevPath, parentPath } from '../scenario/sysfs-paths.ts'
import type { Frozen, MdevRecord } from '../state/state.ts'
import { apMdevEntries } from './sysfs-ap.ts'
import { addIommuGroup } from './sysfs-iommu-group.ts'
import { addVfioDevice, addVfioGroup } from './sysfs-vfio.ts'
import { type Directory, link, readOnly, type TextFile, writeOnly } from './tree.ts'

type Mdev = Frozen<MdevRecord>

/**
 * A device's folder, its links, its group and its vfio-dev folder. While a removal waits for the last user only the
 * folder, the group and vfio-dev are left of it: the kernel takes the rest away first.
 */
export function addMdevDevice(sys: Directory, machine: Machine, mdev: Mdev): void {
  const { scenario } = machine
  const parent = scenario.parents.find(({ name }) => name === mdev.parent)
  if (parent === undefined) return
  const path = mdevPath(scenario, mdev)
  const directory = sys.at(below(path)).set('iommu_group', link(path, `/sys/kernel/iommu_groups/${mdev.group}`))
  addIommuGroup(sys, { number: mdev.group, type: 'unknown', name: 'vfio-noiommu' }, mdev.uuid, path)
  addVfioGroup(sys, String(mdev.group))
  if (!mdev.removing || !machine.traits.hidesLeaving) addVfioDevice(sys, machine, { index: mdev.vfioIndex }, path)
  if (mdev.removing) return
  const driver = `/sys/bus/mdev/drivers/${parent.driver}`
  directory
    .set('mdev_type', link(path, `${parentPath(scenario, parent)}/mdev_supported_types/${mdev.type}`))
    .set('driver', link(path, driver))
    .set('subsystem', link(path, '/sys/bus/mdev'))
    .set('uevent', readOnly(`DRIVER=${parent.driver}\n`))
    .set(
      'remove',
      writeOnly((bytes) => remove(machine, mdev, bytes)),
    )
  addAttributes(directory, machine, parent, mdev)
  if (mdev.parent === matrixParent) directory.late(() => apMdevEntries(machine, mdev))
  sys.at('bus/mdev/devices').set(mdev.uuid, link('/sys/bus/mdev/devices', path))
  sys.at(below(driver)).set(mdev.uuid, link(driver, path))
}

/** Resolves once the device is gone: while anyone has it open, that takes until they close it. */
async function remove(machine: Machine, { birth }: Mdev, bytes: Buffer): Promise<void> {
  const { store } = machine
  if (!parseRemove(bytes)) return
  store.update((draft) => beginRemoval(draft, birth))
  await waitForRelease(machine, [birth], () => store.read().mdevs.every((mdev) => mdev.birth !== birth))
}

function addAttributes(directory: Directory, machine: Machine, parent: ScenarioParent, mdev: Mdev): void {
  for (const attribute of attributesOf(parent, typeOf(parent, mdev.type))) {
    const slash = attribute.path.lastIndexOf('/')
    const folder = directory.at(attribute.path.slice(0, Math.max(0, slash)))
    folder.set(attribute.path.slice(slash + 1), attributeFile(machine, mdev, attribute))
  }
}

function attributeFile({ store }: Machine, { birth, attributes }: Mdev, attribute: ScenarioAttribute): TextFile {
  const shown = readOnly(() => {
    const value = attributes[attribute.path]
    if (value === undefined) throw new Errno('EIO')
    return `${value}\n`
  })
  if (attribute.access === 'r') return shown
  return { ...shown, write: (bytes) => store.update((draft) => storeAttribute(draft, birth, attribute, bytes)) }
}
