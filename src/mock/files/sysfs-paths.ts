import type { Scenario, ScenarioParent, ScenarioPciDevice } from '../scenario.ts'

/** Where a PCI device stands: below its bridges, below the root of its bus. */
export function pciPath({ address, behind = [] }: ScenarioPciDevice): string {
  const chain = [...behind, address]
  const root = (chain[0] ?? address).slice(0, -'00.0'.length - 1)
  return ['/sys/devices', `pci${root}`, ...chain].join('/')
}

/** Where a parent of mediated devices stands. */
export function parentPath(scenario: Scenario, parent: ScenarioParent): string {
  const pci = scenario.pci.find(({ address }) => address === parent.name)
  if (pci !== undefined) return pciPath(pci)
  return ['/sys/devices/virtual', parent.virtualClass ?? parent.name, parent.name].join('/')
}

/** The path below /sys. */
export function below(path: string): string {
  return path.slice('/sys/'.length)
}
