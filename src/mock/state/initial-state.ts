import { pciDraft } from '../pci/devices.ts'
import { addVfs } from '../pci/sriov.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { emptyState, type MockState, type Snapshot } from './state.ts'

/** The machine as the scenario says it is at first. */
export function initialState(scenario: Scenario): MockState {
  const state = emptyState(scenario)
  for (const device of scenario.pci) {
    const count = Math.min(device.sriov?.enabled ?? 0, device.sriov?.totalVfs ?? 0)
    if (count === 0) continue
    pciDraft(state, device)
    addVfs(state, scenario, device, count)
  }
  return state
}

/** The machine switched off and on again: its disk is as it was, and nothing else; virtual functions are none. */
export function rebootedState(scenario: Scenario, { disk, commits }: Snapshot): MockState {
  const kept = Object.entries(disk).filter(([path]) => !/^\/(run|tmp)\//.test(path))
  return { ...emptyState(scenario), disk: Object.fromEntries(kept), commits: [...commits] }
}
