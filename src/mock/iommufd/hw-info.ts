import { iommuHwInfo, iommuHwInfoType, iommuHwInfoVtd } from '../../uapi/iommufd.ts'
import { encode } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { targetOf } from '../memory/user-memory.ts'
import { type Command, command } from './command.ts'
import type { IommufdContext } from './iommufd-context.ts'
import { PhysicalDevice } from './physical-device.ts'

/** QEMU's Intel IOMMU under Linux 7: addresses of 39 bits, interrupts remapped, read-only pages not to be nested. */
const vtd = encode(iommuHwInfoVtd, { flags: 1, cap_reg: 0xd2_008c_2226_0286n, ecap_reg: 0xf0_0f4an })

/** The type of the answer is said: 0 for any. */
const IOMMU_HW_INFO_FLAG_INPUT_TYPE = 1

/** IOMMU_GET_HW_INFO: of the IOMMU before a device. Room beyond what it says is cleared. */
export function getHwInfo(iommufd: IommufdContext): Command {
  return command(iommuHwInfo, 32, ({ flags, dev_id, data_len, out_data_type: wanted }, { answer, pointers }) => {
    if ((flags & ~IOMMU_HW_INFO_FLAG_INPUT_TYPE) !== 0) throw new Errno('EOPNOTSUPP')
    const device = iommufd.objects.get(dev_id)
    if (!(device instanceof PhysicalDevice)) throw new Errno('ENOENT')
    const isWanted = flags === 0 || Object.values<number>(iommuHwInfoType).includes(wanted)
    if (device.isNoiommu || !isWanted) throw new Errno('EOPNOTSUPP')
    const room = targetOf(pointers, iommuHwInfo.fields.data_uptr[0], data_len).subarray(0, data_len)
    room.fill(0)
    room.set(vtd.subarray(0, data_len))
    answer({ data_len: vtd.length, out_data_type: iommuHwInfoType.IOMMU_HW_INFO_TYPE_INTEL_VTD, out_capabilities: 8n })
  })
}
