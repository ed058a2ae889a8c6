import { Errno } from '../base/errno.ts'
import { kstrtobool } from '../base/kstrto.ts'
import type { Machine } from '../machine/machine.ts'
import { findPciDevice, type PciDevice, pciRecord } from '../pci/devices.ts'
import {
  isShared,
  setXePriority,
  setXeTime,
  setXeVram,
  shownPriority,
  type XeShare,
  xeFunction,
  xeShare,
} from '../pci/xe-shares.ts'
import { pciPath } from '../scenario/sysfs-paths.ts'
import type { MockState, Snapshot } from '../state/state.ts'
import { Directory, link, type Node, readOnly, type TextFile, writeOnly } from './tree.ts'

/**
 * `sriov_admin` of an Intel GPU (Documentation/ABI/testing/sysfs-driver-intel-xe-sriov): a folder for the physical
 * function and for each virtual one that there can be. Where all functions are written at once nothing can be read, and
 * the priority of one virtual function cannot be written: open(2) is EACCES. `stop` does nothing here but look at its
 * argument, as the work of a GPU is not simulated: it refuses with EIO, as if the firmware did.
 */
export function* xeEntries(machine: Machine, card: PciDevice, state: Snapshot): Generator<readonly [string, Node]> {
  if (machine.traits.xeShares === 'none' || card.xe === undefined || !isShared(state, card)) return
  const count = card.sriov?.totalVfs ?? 0
  const all = Array.from({ length: count + 1 }, (_, number) => number)
  const hasVram = machine.traits.xeShares === 'vram' && card.xe.vram > 0
  const admin = new Directory()
  const bulk = admin.at('.bulk_profile')
  for (const what of times) bulk.set(what, writeOnly(writeOf(machine, card, all, what)))
  bulk.set('sched_priority', writeOnly(writePriority(machine, card, all)))
  if (hasVram) bulk.set('vram_quota', writeOnly(writeOf(machine, card, all.slice(1), 'vram_quota')))
  for (const number of all) {
    admin.set(xeFunction(number), functionFolder(machine, card, state, { number, hasVram }))
  }
  yield ['sriov_admin', admin]
}

const times = ['exec_quantum_ms', 'preempt_timeout_us'] as const

function functionFolder(
  machine: Machine,
  card: PciDevice,
  state: Snapshot,
  { number, hasVram }: { readonly number: number; readonly hasVram: boolean },
): Directory {
  const record = pciRecord(state, card)
  const folder = new Directory()
  const profile = folder.at('profile')
  const shareFile = (what: XeShare): TextFile => ({
    ...readOnly(`${xeShare(record, number, what)}\n`),
    write: writeOf(machine, card, [number], what),
  })
  for (const what of times) profile.set(what, shareFile(what))
  const priority = readOnly(`${shownPriority(record, number)}\n`)
  profile.set('sched_priority', number === 0 ? { ...priority, write: writePriority(machine, card, [0]) } : priority)
  if (number > 0 && hasVram) profile.set('vram_quota', shareFile('vram_quota'))
  if (number > 0) folder.set('stop', writeOnly(stop))
  const address = number === 0 ? card.address : record.vfs[number - 1]
  const device = address === undefined ? undefined : findPciDevice(machine.scenario, state, address)
  const path = `${pciPath(card)}/sriov_admin/${xeFunction(number)}`
  if (device !== undefined) folder.set('device', link(path, pciPath(device)))
  return folder
}

function writeOf(
  { store }: Machine,
  card: PciDevice,
  numbers: readonly number[],
  what: XeShare,
): (bytes: Buffer) => void {
  return (bytes) => {
    const refusal = store.update((draft: MockState) => {
      if (what === 'vram_quota') return setXeVram(draft, card, numbers, bytes)
      setXeTime(draft, card, numbers, what, bytes)
      return null
    })
    if (refusal !== null) throw new Errno(refusal)
  }
}

function writePriority({ store }: Machine, card: PciDevice, numbers: readonly number[]): (bytes: Buffer) => void {
  return (bytes) => store.update((draft) => setXePriority(draft, card, numbers, bytes))
}

function stop(bytes: Buffer): void {
  if (kstrtobool(bytes)) throw new Errno('EIO')
}
