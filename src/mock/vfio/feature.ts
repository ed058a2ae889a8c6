import { Errno } from '../errno.ts'
import type { IoctlArgument } from '../open-file.ts'
import { structArgument } from './ioctl-argument.ts'

/** struct vfio_device_feature, before its data. */
const vfioDeviceFeature = {
  name: 'vfio_device_feature',
  size: 8,
  fields: { argsz: [0, 'u32'], flags: [4, 'u32'] },
} as const

const number = 0xffff
const get = 1 << 16
const set = 1 << 17
const probe = 1 << 18

/** VFIO_DEVICE_FEATURE of a device that has none: EINVAL for flags that contradict each other, else ENOTTY. */
export function checkFeature(argument: IoctlArgument): never {
  const { values } = structArgument(vfioDeviceFeature, argument, vfioDeviceFeature.size)
  const isUnknown = (values.flags & ~(number | get | set | probe)) !== 0
  const isBoth = (values.flags & (get | set | probe)) === (get | set)
  throw new Errno(isUnknown || isBoth ? 'EINVAL' : 'ENOTTY')
}
