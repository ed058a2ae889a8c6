import { Errno } from '../base/errno.ts'
import type { Machine } from '../machine/machine.ts'
import { type PciDevice, pciRecord } from '../pci/devices.ts'
import type { ScenarioGim } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'
import { type Node, readOnly, type TextFile } from './tree.ts'

/**
 * Files of AMD's gim in the folder of a GPU that it has set up: 0600 if they can be written, else 0400, with the texts
 * of gim_shim/sysfs/gim_monitor.c (8.0.0.K). A write is EINVAL for what is no number or no mode; the rest is taken and
 * changes nothing, as of a GPU that refuses it: gim says that to the kernel's log alone. What a GPU makes of one that
 * it takes is not documented, nor simulated, and of its resources only the compute units are shown.
 * `spatial_partition_mode`, `self_switch`, the files of firmware and `reset_gpu`, which resets the GPU as it is read,
 * are not there.
 */
export function* gimEntries(
  _: Machine,
  { gim, ...device }: PciDevice,
  state: Snapshot,
): Generator<readonly [string, Node]> {
  const { driver, vfs } = pciRecord(state, device)
  if (gim === undefined || driver !== 'gim' || vfs.length === 0) return
  yield ['accelerator_partition_profile', written(currentText(gim), /^\s*\d/)]
  yield ['memory_partition_mode', written(memoryText(gim), /^\s*NPS[1248]/)]
  yield ['accelerator_partition_profile_config', readOnly(profilesText(gim))]
  yield ['memory_partition_config', readOnly(`${gim.memoryModes.map((mode) => `${mode} `).join('')}\n`)]
  yield ['spatial_partition_caps', readOnly(enginesText(gim))]
}

function written(text: string, taken: RegExp): TextFile {
  const write = (bytes: Buffer) => {
    if (!taken.test(bytes.toString('latin1'))) throw new Errno('EINVAL')
  }
  return { ...readOnly(text), write }
}

/** Columns of 20 characters; a text that is longer moves those behind it. */
function row(...cells: readonly (string | number)[]): string {
  return cells.map((cell) => String(cell).padEnd(20)).join('')
}

/** One list for each partition: the index of the resource of compute units. */
function resources(partitions: number): string {
  return `[${'[0 ]'.repeat(partitions)}]\n`
}

function currentText({ profile, profiles }: ScenarioGim): string {
  const now = profiles.find(({ index }) => index === profile)
  if (now === undefined) return 'failed to get current accelerator partition profile\n'
  const head = row('profile_index', 'profile_type', 'num_of_partitions', 'num_of_resources')
  return `${head}resource_index_in_resource_profiles\n${row(now.index, now.type, now.partitions, 1)}${resources(now.partitions)}`
}

function memoryText({ memory }: ScenarioGim): string {
  return `memory_partition_mode: ${memory}\nnuma_count: 0\n`
}

function profilesText({ profiles, engines }: ScenarioGim): string {
  const head = row(
    'profile_index',
    'profile_type',
    'num_of_partitions',
    'memory_caps',
    'num_of_resources',
    'resource_index',
  )
  const rows = profiles.map(({ index, type, partitions, memory }) => {
    return row(index, type, partitions, memory.map((mode) => `${mode} `).join(''), 1) + resources(partitions)
  })
  return [
    'resource_profiles:\n',
    row('resource_index', 'resource_type', 'resource_in_partition'),
    'num_partitions_share_resource\n',
    `${row(0, 'XCC', engines.xcc, 1)}\n`,
    `profiles:\n${head}\n`,
    ...rows,
  ].join('')
}

function enginesText({ engines: { xcc, sdma, vcn, jpeg } }: ScenarioGim): string {
  return `num_xcc=${xcc} num_sdma=${sdma} num_vcn=${vcn} num_jpeg=${jpeg}\n`
}
