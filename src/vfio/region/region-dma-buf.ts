import {
  deviceFeatureFlag,
  deviceFeatures,
  vfioDeviceFeature,
  vfioDeviceFeatureDmaBuf,
  vfioRegionDmaRange,
} from '../../uapi/features.ts'
import { request } from '../../uapi/requests.ts'
import { encode } from '../../uapi/struct.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { askOr } from '../calls/system-call.ts'
import type { DeviceRegion } from './region-access.ts'
import type { Area } from './region-areas.ts'

/** O_RDWR and O_CLOEXEC of Linux on x86-64 and arm64. */
const openFlags = 0x8_0002

/**
 * A dma-buf of whole pages of a region (VFIO_DEVICE_FEATURE_DMA_BUF): a descriptor, for whoever called to close. Null
 * if there is none: before Linux 6.19, without CONFIG_VFIO_PCI_DMABUF, and of what is no BAR.
 */
export function exportDmaBuf(device: Descriptor, region: DeviceRegion, { start, end }: Area): number | null {
  const argsz = vfioDeviceFeature.size + vfioDeviceFeatureDmaBuf.size + vfioRegionDmaRange.size
  const flags = deviceFeatureFlag.VFIO_DEVICE_FEATURE_GET | deviceFeatures['dma-buf'].id
  const bytes = Buffer.concat([
    encode(vfioDeviceFeature, { argsz, flags }),
    encode(vfioDeviceFeatureDmaBuf, { region_index: region.index, open_flags: openFlags, nr_ranges: 1 }),
    encode(vfioRegionDmaRange, { offset: BigInt(start), length: BigInt(end - start) }),
  ])
  return askOr(
    `make a dma-buf of region ${region.name} of ${region.owner}`,
    () => device.ioctl(request.VFIO_DEVICE_FEATURE, bytes),
    ['ENOTTY', 'EOPNOTSUPP', 'EINVAL', 'ENODEV'],
    null,
  )
}
