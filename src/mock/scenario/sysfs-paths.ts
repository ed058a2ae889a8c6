import { matrixParent } from './parents.ts'
import type { Scenario, ScenarioParent, ScenarioPciDevice } from './scenario.ts'
import { vfAddresses } from './vf-addresses.ts'

/** Folder of a PCI device in sysfs: below its bridges, below the root of its bus. */
export function pciPath({ address, behind = [] }: Pick<ScenarioPciDevice, 'address' | 'behind'>): string {
  const chain = [...behind, address]
  const root = (chain[0] ?? address).slice(0, -'00.0'.length - 1)
  return ['/sys/devices', `pci${root}`, ...chain].join('/')
}

/** Folder of a parent of mediated devices in sysfs. */
export function parentPath(scenario: Scenario, parent: ScenarioParent): string {
  const { name, virtualClass } = parent
  if (virtualClass !== undefined) return ['/sys/devices/virtual', virtualClass, name].join('/')
  if (name === matrixParent && scenario.ap !== undefined) return `/sys/devices/vfio_ap/${name}`
  if (scenario.css?.some(({ id }) => id === name) === true) return subchannelPath(name)
  const pci = scenario.pci.find(
    ({ address, sriov }) => address === name || (sriov !== undefined && vfAddresses(address, sriov).includes(name)),
  )
  return pciPath({ ...pci, address: name })
}

/** Folder of a mediated device in sysfs: in its parent's. */
export function mdevPath(
  scenario: Scenario,
  { parent, uuid }: { readonly parent: string; readonly uuid: string },
): string {
  const found = scenario.parents.find(({ name }) => name === parent)
  return `${found === undefined ? '/sys/devices/virtual' : parentPath(scenario, found)}/${uuid}`
}

/** The folder of a subchannel in sysfs. */
export function subchannelPath(id: string): string {
  return `/sys/devices/css0/${id}`
}

/** The folder of a platform device in sysfs. */
export function platformPath(name: string): string {
  return `/sys/devices/platform/${name}`
}

/** The path below /sys. */
export function below(path: string): string {
  return path.slice('/sys/'.length)
}
