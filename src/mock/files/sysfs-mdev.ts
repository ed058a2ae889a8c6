import type { Machine } from '../machine/machine.ts'
import { createMdev, parseCreate } from '../mdev/mdevs.ts'
import { availableInstances, isRegistered } from '../mdev/parents.ts'
import type { ScenarioMdevType, ScenarioParent } from '../scenario/scenario.ts'
import { below, mdevPath, parentPath } from '../scenario/sysfs-paths.ts'
import type { Snapshot } from '../state/state.ts'
import { addMdevDevice } from './sysfs-mdev-device.ts'
import { Directory, link, type Node, readOnly, writeOnly } from './tree.ts'

/** /sys/class/mdev_bus, what each parent offers, /sys/bus/mdev, and the devices there are. */
export function addMdevs(sys: Directory, machine: Machine, state: Snapshot): void {
  const { scenario } = machine
  if (!('mdev' in scenario.modules)) return
  const parents = sys.at('class/mdev_bus')
  sys.at('bus/mdev/devices')
  for (const parent of scenario.parents) {
    const driver = `/sys/bus/mdev/drivers/${parent.driver}`
    sys.at(below(driver)).set('module', link(driver, `/sys/module/${parent.module}`))
    if (!isRegistered(scenario, state, parent)) continue
    const path = parentPath(scenario, parent)
    parents.set(parent.name, link('/sys/class/mdev_bus', path))
    addParent(sys, machine, parent, path, state)
  }
  for (const mdev of state.mdevs) addMdevDevice(sys, machine, mdev)
}

function addParent(sys: Directory, machine: Machine, parent: ScenarioParent, path: string, state: Snapshot): void {
  if (parent.virtualClass !== undefined) {
    const className = parent.virtualClass
    sys.at(`class/${className}`).set(parent.name, link(`/sys/class/${className}`, path))
    sys
      .at(below(path))
      .set('subsystem', link(path, `/sys/class/${className}`))
      .set('uevent', readOnly(''))
  }
  const types = sys.at(`${below(path)}/mdev_supported_types`)
  for (const type of parent.types) {
    const directory = new Directory()
    types.set(
      type.id,
      directory.late(() => typeEntries(machine, parent, type, path, state)),
    )
  }
}

function* typeEntries(
  { store, scenario }: Machine,
  parent: ScenarioParent,
  type: ScenarioMdevType,
  path: string,
  state: Snapshot,
): Generator<readonly [string, Node]> {
  const create = (bytes: Buffer) => {
    const uuid = parseCreate(bytes)
    store.update((draft) => createMdev(draft, scenario, { parent, type, uuid }))
  }
  yield ['create', writeOnly(create)]
  yield ['device_api', readOnly(`${parent.deviceApi}\n`)]
  yield ['name', readOnly(`${type.name}\n`)]
  yield ['available_instances', readOnly(`${availableInstances(parent, type, state)}\n`)]
  if (type.description !== null) yield ['description', readOnly(`${type.description}\n`)]
  const devices = new Directory()
  const here = `${path}/mdev_supported_types/${type.id}/devices`
  for (const mdev of state.mdevs) {
    const isOurs = mdev.parent === parent.name && mdev.type === type.id && !mdev.removing
    if (isOurs) devices.set(mdev.uuid, link(here, mdevPath(scenario, mdev)))
  }
  yield ['devices', devices]
}
