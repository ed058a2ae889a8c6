import { type PciAddress, printable } from '../../base/units.ts'
import { linkOrEmpty, listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceGraph } from './device-graph.ts'
import type { Mount } from './mounts.ts'
import type { PciUse } from './pci-use.ts'

/** Folders of its host that a virtual machine has mounted through a virtio device: 9p and virtiofs, by their tag. */
export function sharedFolderUses(
  files: HostFiles,
  graph: DeviceGraph,
  mounts: readonly Mount[],
  address: PciAddress,
): PciUse[] {
  const tags = new Map(graph.below(address, 'virtio').flatMap((device) => tagsOf(files, device)))
  return mounts
    .filter(({ type, sources }) => sources.some((source) => tags.get(source) === type))
    .map(({ sources: [source = ''], at }) => ({
      what: `shared folder ${printable(source)} is mounted on ${printable(at)}`,
      end: at === '/' ? null : `umount ${at}`,
    }))
}

/** `mount_tag` of 9pnet_virtio; of virtiofs /sys/fs/virtiofs/N/tag, beside a link to its device (Linux 6.9). */
function tagsOf(files: HostFiles, { link, name }: { readonly link: string; readonly name: string }) {
  const [plan9 = ''] = readOrEmpty(files, `${link}/mount_tag`).split(/[\0\n]/, 1)
  const shared = listOrNone(files, '/sys/fs/virtiofs')
    .filter((entry) => linkOrEmpty(files, `/sys/fs/virtiofs/${entry}/device`).split('/').at(-1) === name)
    .map((entry) => readOrEmpty(files, `/sys/fs/virtiofs/${entry}/tag`).trim())
  return [...(plan9 === '' ? [] : [[plan9, '9p'] as const]), ...shared.map((tag) => [tag, 'virtiofs'] as const)]
}
