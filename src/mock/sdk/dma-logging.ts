import {
  vfioDeviceFeature,
  vfioDeviceFeatureDmaLoggingControl,
  vfioDeviceFeatureDmaLoggingRange,
  vfioDeviceFeatureDmaLoggingReport,
} from '../../uapi/features.ts'
import { decode } from '../../uapi/struct.ts'
import { Errno } from '../base/errno.ts'
import { type KernelTraits, smallestPage } from '../base/kernel-traits.ts'
import type { CallingProcess } from './feature.ts'

const end = 1n << 64n

/** Checks VFIO_DEVICE_FEATURE_DMA_LOGGING_START as the kernel does before the driver sees it. */
export function checkLoggingStart(
  data: Uint8Array,
  process: CallingProcess,
  { pageSize }: Pick<KernelTraits, 'pageSize'>,
): void {
  const { page_size, num_ranges } = decode(vfioDeviceFeatureDmaLoggingControl, data)
  if (num_ranges === 0) throw new Errno('EINVAL')
  const { size } = vfioDeviceFeatureDmaLoggingRange
  // as many as fit into a page of the kernel's
  if (num_ranges > pageSize / size) throw new Errno('E2BIG')
  const field = vfioDeviceFeature.size + vfioDeviceFeatureDmaLoggingControl.fields.ranges[0]
  const bytes = process.memory(field, num_ranges * size)
  // to pages of no size nothing is aligned but 0
  const unaligned = BigInt.asUintN(64, page_size - 1n)
  const seen: { iova: bigint; last: bigint }[] = []
  for (let at = 0; at < bytes.length; at += size) {
    const { iova, length } = decode(vfioDeviceFeatureDmaLoggingRange, bytes, at)
    if (((iova | length) & unaligned) !== 0n) throw new Errno('EINVAL')
    if (iova + length >= end) throw new Errno('EOVERFLOW')
    // of no length at 0, the last address is that of all there are
    const last = BigInt.asUintN(64, iova + length - 1n)
    if (seen.some((range) => iova <= range.last && range.iova <= last)) throw new Errno('EINVAL')
    seen.push({ iova, last })
  }
}

/** Likewise of VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT. The driver adds bits to the bitmap: none here. */
export function checkLoggingReport(data: Uint8Array): void {
  const { iova, length, page_size } = decode(vfioDeviceFeatureDmaLoggingReport, data)
  if (page_size < BigInt(smallestPage) || (page_size & (page_size - 1n)) !== 0n) throw new Errno('EINVAL')
  if (iova + length >= end) throw new Errno('EOVERFLOW')
}
