import type { Machine } from '../machine/machine.ts'
import type { PciDevice } from '../pci/devices.ts'
import { powerShown, setD3coldAllowed, setRuntimeControl } from '../pci/power.ts'
import type { Snapshot } from '../state/state.ts'
import { Directory, type Node, readOnly } from './tree.ts'

/** Power of a PCI device in sysfs: its state, and what may be done to it. */
export function* powerEntries(
  { scenario, store }: Machine,
  device: PciDevice,
  state: Snapshot,
): Generator<readonly [string, Node]> {
  const { powerState, d3coldAllowed, control, runtimeStatus } = powerShown(scenario, state, device)
  const setAllowed = (bytes: Buffer) => store.update((draft) => setD3coldAllowed(draft, device, bytes))
  const setControl = (bytes: Buffer) => store.update((draft) => setRuntimeControl(draft, device, bytes))
  yield ['power_state', readOnly(`${powerState}\n`)]
  yield ['d3cold_allowed', { ...readOnly(`${Number(d3coldAllowed)}\n`), write: setAllowed }]
  const runtime = new Directory()
  runtime.set('control', { ...readOnly(`${control}\n`), write: setControl })
  runtime.set('runtime_status', readOnly(`${runtimeStatus}\n`))
  yield ['power', runtime]
}
