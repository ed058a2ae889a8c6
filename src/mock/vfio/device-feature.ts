import type { IoctlPointer } from '../../kernel/kernel.ts'
import { deviceFeatureFlag, deviceFeatures, vfioDeviceFeature } from '../../uapi/features.ts'
import { Errno } from '../base/errno.ts'
import type { KernelTraits } from '../base/kernel-traits.ts'
import type { FdTable } from '../descriptors/fd-table.ts'
import { structArgument } from '../descriptors/ioctl-argument.ts'
import type { IoctlArgument } from '../descriptors/open-file.ts'
import { targetOf } from '../memory/user-memory.ts'
import type { CallingProcess, Feature } from '../sdk/feature.ts'

/** The memory and descriptors of the process that calls. */
export function callingProcess(fds: FdTable, pointers: readonly IoctlPointer[]): CallingProcess {
  return {
    fds,
    memory: (field, size) => targetOf(pointers, field, size).subarray(0, size),
  }
}

const { VFIO_DEVICE_FEATURE_MASK, VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_SET, VFIO_DEVICE_FEATURE_PROBE } =
  deviceFeatureFlag
const operations = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET

/**
 * VFIO_DEVICE_FEATURE: ENOTTY for a feature that the device does not have, EINVAL for one that goes with pre-copying.
 */
export function callFeature(
  features: ReadonlyMap<number, Feature>,
  argument: IoctlArgument,
  process: CallingProcess,
  { hasPrecopyInfoV2 }: KernelTraits,
): number {
  const { bytes, values } = structArgument(vfioDeviceFeature, argument, vfioDeviceFeature.size)
  const { argsz, flags } = values
  const asked = flags & operations
  if ((flags & ~(VFIO_DEVICE_FEATURE_MASK | operations | VFIO_DEVICE_FEATURE_PROBE)) !== 0) throw new Errno('EINVAL')
  if ((flags & VFIO_DEVICE_FEATURE_PROBE) === 0 && asked === operations) throw new Errno('EINVAL')
  const id = flags & VFIO_DEVICE_FEATURE_MASK
  const feature = features.get(id)
  const isOfPrecopy = hasPrecopyInfoV2 && id === deviceFeatures['mig-precopy-info-v2'].id
  if (feature === undefined) throw new Errno(isOfPrecopy ? 'EINVAL' : 'ENOTTY')
  if ((asked & VFIO_DEVICE_FEATURE_GET) !== 0 && feature.get === undefined) throw new Errno('EINVAL')
  if ((asked & VFIO_DEVICE_FEATURE_SET) !== 0 && feature.set === undefined) throw new Errno('EINVAL')
  if ((flags & VFIO_DEVICE_FEATURE_PROBE) !== 0) return 0
  if (asked === 0 || argsz < vfioDeviceFeature.size + feature.size) throw new Errno('EINVAL')
  const data = bytes.subarray(vfioDeviceFeature.size, argsz)
  return (asked === VFIO_DEVICE_FEATURE_GET ? feature.get?.(data, process) : feature.set?.(data, process)) ?? 0
}
