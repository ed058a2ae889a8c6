import { Errno } from '../base/errno.ts'
import { type Directory, link, readOnly, type TextFile } from './tree.ts'

/** /sys/kernel/iommu_groups/N: named if VFIO made it for a device without an IOMMU. */
export function addIommuGroup(
  sys: Directory,
  group: { readonly number: number; readonly type: string; readonly name?: string; readonly write?: TextFile['write'] },
  device: string,
  path: string,
): void {
  const directory = sys.at(`kernel/iommu_groups/${group.number}`)
  const { write = refuse } = group
  directory
    .set('type', { ...readOnly(`${group.type}\n`), write })
    .set('reserved_regions', readOnly(reservedRegions(group.type)))
  if (group.name !== undefined) directory.set('name', readOnly(`${group.name}\n`))
  directory.at('devices').set(device, link(`/sys/kernel/iommu_groups/${group.number}/devices`, path))
}

/** A group that the kernel chose no translation for. */
function refuse(): never {
  throw new Errno('EINVAL')
}

function reservedRegions(type: string): string {
  return type !== 'unknown' ? '0x00000000fee00000 0x00000000feefffff msi\n' : ''
}
