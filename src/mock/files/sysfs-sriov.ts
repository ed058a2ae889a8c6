import type { Machine } from '../machine/machine.ts'
import { waitForRelease } from '../machine/wait-for-release.ts'
import { findPciDevice, type PciDevice, pciRecord } from '../pci/devices.ts'
import { areVfsGone, setNumVfs, setVfsAutoprobe } from '../pci/sriov.ts'
import type { ScenarioSriov } from '../scenario/scenario.ts'
import { pciPath } from '../scenario/sysfs-paths.ts'
import { pciKey, type Snapshot } from '../state/state.ts'
import { link, type Node, readOnly } from './tree.ts'

/** SR-IOV in sysfs: of a physical function the number of its virtual ones and links to them; of those a link to it. */
export function* sriovEntries(
  machine: Machine,
  device: PciDevice,
  state: Snapshot,
): Generator<readonly [string, Node]> {
  const { scenario } = machine
  const path = pciPath(device)
  const linkTo = (address: string) => {
    const found = findPciDevice(scenario, state, address)
    return found === undefined ? [] : [link(path, pciPath(found))]
  }
  for (const physfn of linkTo(device.physfn ?? '')) yield ['physfn', physfn]
  const { vfs } = pciRecord(state, device)
  for (const [index, vf] of vfs.entries()) for (const virtfn of linkTo(vf)) yield [`virtfn${index}`, virtfn]
  if (device.sriov !== undefined) yield* physfnEntries(machine, device, device.sriov, state)
}

function* physfnEntries(
  machine: Machine,
  device: PciDevice,
  sriov: ScenarioSriov,
  state: Snapshot,
): Generator<readonly [string, Node]> {
  const { store, scenario } = machine
  const { vfs, vfsAutoprobe } = pciRecord(state, device)
  const setCount = async (bytes: Buffer) => {
    store.update((draft) => setNumVfs(draft, scenario, device, bytes))
    await waitForRelease(machine, vfs.map(pciKey), () => areVfsGone(store.read(), device))
  }
  const setAutoprobe = (bytes: Buffer) => store.update((draft) => setVfsAutoprobe(draft, device, bytes))
  yield ['sriov_totalvfs', readOnly(`${sriov.totalVfs}\n`)]
  yield ['sriov_numvfs', { ...readOnly(`${vfs.length}\n`), write: setCount }]
  yield ['sriov_drivers_autoprobe', { ...readOnly(`${Number(vfsAutoprobe)}\n`), write: setAutoprobe }]
  yield ['sriov_offset', readOnly(`${sriov.offset}\n`)]
  yield ['sriov_stride', readOnly(`${sriov.stride}\n`)]
  yield ['sriov_vf_device', readOnly(`${Number(sriov.vfDevice).toString(16)}\n`)]
}
