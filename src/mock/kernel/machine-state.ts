import { pciDraft, pciRecord } from '../pci/devices.ts'
import { loadGim } from '../pci/gim.ts'
import { addVfs } from '../pci/sriov.ts'
import type { Scenario } from '../scenario/scenario.ts'
import { emptyState, type MockState, type Snapshot } from '../state/state.ts'
import { StateDirectory } from '../state/state-directory.ts'
import { MemoryStore, type StateStore } from '../state/state-store.ts'
import { addUevents } from '../uevents/uevents.ts'

/** The machine as the scenario says it is at first. */
export function initialState(scenario: Scenario): MockState {
  const state = emptyState(scenario)
  for (const device of scenario.pci) {
    const count = Math.min(device.sriov?.enabled ?? 0, device.sriov?.totalVfs ?? 0)
    if (count === 0) continue
    pciDraft(state, device)
    addVfs(state, scenario, device, count)
  }
  loadGim(scenario, state)
  return state
}

/** Store of a machine's state: in a directory that outlives its kernels, else in memory. */
export function makeStore(scenario: Scenario, stateDirectory: string | undefined): StateStore {
  const initial = initialState(scenario)
  const onChange = (before: Snapshot, draft: MockState) => addUevents(scenario, before, draft)
  if (stateDirectory === undefined) return new MemoryStore(initial, onChange)
  return new StateDirectory(stateDirectory, initial, onChange)
}

/** Off and on again: what was written to the disk is there, and nothing of what ran. */
export function rebootMock(stateDirectory: string, scenario: Scenario): void {
  makeStore(scenario, stateDirectory).update((draft) => Object.assign(draft, rebootedState(scenario, draft)))
}

/**
 * The machine switched off and on again: its disk is as it was, and nothing else; virtual functions are none but gim's.
 */
function rebootedState(scenario: Scenario, before: Snapshot): MockState {
  const { boots, disk, commits } = before
  const kept = Object.entries(disk).filter(([path]) => !/^\/(run|tmp)\//.test(path))
  const state: MockState = {
    ...emptyState(scenario),
    boots: boots + 1,
    disk: Object.fromEntries(kept),
    commits: [...commits],
  }
  for (const device of scenario.pci) {
    // some cards keep it in their own memory
    if (device.vgpus?.mig?.survivesReboot === true && pciRecord(before, device).mig) pciDraft(state, device).mig = true
  }
  loadGim(scenario, state)
  return state
}
