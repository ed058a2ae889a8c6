import { HostTree } from '../host-tree.ts'

/** Its card. */
export const card: string = '0000:05:00.0'
/** Its folder, below the root. */
export const folder: string = `sys/bus/pci/devices/${card}`

const row = (...cells: readonly (string | number)[]) => cells.map((cell) => String(cell).padEnd(20)).join('')

/** As gim prints them (sprintf of gim_monitor.c in 8.0.0.K): columns of 20, and lists behind the last. */
export const gimFiles: Readonly<Record<string, string>> = {
  accelerator_partition_profile:
    `${row('profile_index', 'profile_type', 'num_of_partitions', 'num_of_resources', 'resource_index_in_resource_profiles')}\n` +
    `${row(0, 'SPX', 1, 5)}[[0 1 2 3 4 ]]\n`,
  accelerator_partition_profile_config:
    `resource_profiles:\n${row('resource_index', 'resource_type', 'resource_in_partition', 'num_partitions_share_resource')}\n` +
    `${row(0, 'XCC', 8, 1)}\n` +
    `profiles:\n${row('profile_index', 'profile_type', 'num_of_partitions', 'memory_caps', 'num_of_resources', 'resource_index')}\n` +
    `${row(0, 'SPX', 1, 'NPS1 ', 1)}[[0 ]]\n${row(3, 'CPX', 8, 'NPS1 NPS4 ', 1)}[[0 ][0 ]]\n`,
  memory_partition_mode:
    'memory_partition_mode: NPS1\nnuma_count: 1\nNUMA0 type=1 start=0x0000000000000000 end=0x0000002fefffffff\n',
  memory_partition_config: 'NPS1 NPS4 \n',
  spatial_partition_caps: 'num_xcc=8 num_sdma=16 num_vcn=4 num_jpeg=32\n',
}

/** A host with one Instinct GPU, with other texts in some files, or without them. Its root. */
export function instinctTree(changed: Readonly<Record<string, string | null>> = {}): string {
  const tree = new HostTree()
  const numbers = { sriov_totalvfs: 8, sriov_numvfs: 1, sriov_offset: 2, sriov_stride: 1 }
  for (const [name, number] of Object.entries(numbers)) tree.file(`${folder}/${name}`, `${number}\n`)
  tree.directory('sys/bus/pci/drivers/gim').link(`${folder}/driver`, '../../drivers/gim')
  for (const [name, text] of Object.entries({ ...gimFiles, ...changed })) {
    if (text !== null) tree.file(`${folder}/${name}`, text)
  }
  return tree.root
}
