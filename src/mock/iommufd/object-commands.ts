import {
  iommuDestroy,
  iommuHwptAlloc,
  iommuOption,
  iommuOptionId,
  iommuOptionOp,
  iommuVfioIoas,
  iommuVfioIoasOp,
  iommufdRequest as requests,
} from '../../uapi/iommufd.ts'
import { Errno } from '../base/errno.ts'
import type { PhysicalMemory } from '../memory/physical-memory.ts'
import { type Command, command } from './command.ts'
import { getHwInfo } from './hw-info.ts'
import { Ioas } from './ioas.ts'
import type { IommufdContext } from './iommufd-context.ts'
import { PageTable } from './page-table.ts'
import { getPhysicalAddress } from './physical-address.ts'
import { PhysicalDevice } from './physical-device.ts'

/** Commands of iommufd for objects of any kind. */
export function objectCommands(
  iommufd: IommufdContext,
  physical: PhysicalMemory,
): readonly (readonly [number, Command])[] {
  return [
    [requests.IOMMU_DESTROY, command(iommuDestroy, 8, ({ id }) => destroy(iommufd, id))],
    [requests.IOMMU_HWPT_ALLOC, allocatePageTable(iommufd)],
    [requests.IOMMU_GET_HW_INFO, getHwInfo(iommufd)],
    [requests.IOMMU_OPTION, option(iommufd)],
    [requests.IOMMU_VFIO_IOAS, compatIoas(iommufd)],
    [requests.IOMMU_IOAS_NOIOMMU_GET_PA, getPhysicalAddress(iommufd, physical)],
  ]
}

/** EBUSY for what is in use, which a device is as long as it is bound. */
function destroy(iommufd: IommufdContext, id: number): void {
  const object = iommufd.objects.get(id)
  const isFree = (object instanceof Ioas || object instanceof PageTable) && object.users === 0
  if (!isFree) throw new Errno('EBUSY')
  iommufd.objects.delete(id)
  if (object instanceof PageTable) object.destroy()
  else object.mappings.clear()
  if (iommufd.compat === object) iommufd.compat = null
}

/** A page table whose faults go to the queue `fault_id`. */
const IOMMU_HWPT_FAULT_ID_VALID = 0x4
/** A page table that address spaces of processes can be beside. */
const IOMMU_HWPT_ALLOC_PASID = 0x8

/** A page table of no special kind: nothing is nested, no dirty pages are logged, and no fault queue is there. */
function allocatePageTable(iommufd: IommufdContext): Command {
  return command(iommuHwptAlloc, 24, (values, { answer }) => {
    const { flags, dev_id, pt_id, data_type, data_len, __reserved } = values
    if (__reserved !== 0) throw new Errno('EOPNOTSUPP')
    if ((data_type === 0) !== (data_len === 0)) throw new Errno('EINVAL')
    const device = iommufd.objects.get(dev_id)
    if (!(device instanceof PhysicalDevice)) throw new Errno('ENOENT')
    const ioas = [...iommufd.objects].find(([id]) => id === pt_id)?.[1]
    // one in another page table is nested, which takes data for it
    if (ioas instanceof PageTable && data_len === 0) throw new Errno('EOPNOTSUPP')
    if (!(ioas instanceof Ioas)) throw new Errno('EINVAL')
    const known = device.isNoiommu ? 0 : IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_PASID
    if ((flags & ~known) !== 0 || data_len !== 0) throw new Errno('EOPNOTSUPP')
    const pageTable = new PageTable(ioas, { isAutomatic: false, isNoiommu: device.isNoiommu })
    if ((flags & IOMMU_HWPT_FAULT_ID_VALID) !== 0) {
      // looked for once the page table is there
      pageTable.destroy()
      throw new Errno('ENOENT')
    }
    answer({ out_hwpt_id: iommufd.objects.add(pageTable) })
  })
}

function option(iommufd: IommufdContext): Command {
  return command(iommuOption, 24, ({ option_id, op, __reserved, object_id, val64 }, { answer }) => {
    if (__reserved !== 0) throw new Errno('EOPNOTSUPP')
    if (option_id === iommuOptionId.IOMMU_OPTION_RLIMIT_MODE) {
      if (object_id !== 0) throw new Errno('EOPNOTSUPP')
      if (op === iommuOptionOp.IOMMU_OPTION_OP_GET) answer({ val64: BigInt(iommufd.rlimitMode) })
      else if (op === iommuOptionOp.IOMMU_OPTION_OP_SET) iommufd.rlimitMode = val64
      else throw new Errno('EOPNOTSUPP')
    } else if (option_id === iommuOptionId.IOMMU_OPTION_HUGE_PAGES) {
      const ioas = iommufd.ioas(object_id)
      if (op === iommuOptionOp.IOMMU_OPTION_OP_GET) answer({ val64: ioas.hasLargePages ? 1n : 0n })
      else if (op !== iommuOptionOp.IOMMU_OPTION_OP_SET) throw new Errno('EOPNOTSUPP')
      else if (val64 === 0n) ioas.forbidLargePages()
      else if (val64 === 1n) ioas.allowLargePages()
      else throw new Errno('EINVAL')
    } else throw new Errno('EOPNOTSUPP')
  })
}

function compatIoas(iommufd: IommufdContext): Command {
  return command(iommuVfioIoas, 12, ({ ioas_id, op, __reserved }, { answer }) => {
    if (__reserved !== 0) throw new Errno('EOPNOTSUPP')
    if (op === iommuVfioIoasOp.IOMMU_VFIO_IOAS_GET) answer({ ioas_id: iommufd.compatId })
    else if (op === iommuVfioIoasOp.IOMMU_VFIO_IOAS_SET) iommufd.compat = iommufd.ioas(ioas_id)
    else if (op === iommuVfioIoasOp.IOMMU_VFIO_IOAS_CLEAR) iommufd.compat = null
    else throw new Errno('EOPNOTSUPP')
  })
}
