import { kernelOrder } from '../base/byte-order.ts'
import { deviceFeatureFlag, deviceFeatures, vfioDeviceFeature, vfioDeviceFeatureMigState } from '../uapi/features.ts'
import { makesDescriptor, request } from '../uapi/requests.ts'

const { VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_SET } = deviceFeatureFlag
const setDeviceState = VFIO_DEVICE_FEATURE_SET | deviceFeatures['mig-device-state'].id
const dataFd = vfioDeviceFeature.size + vfioDeviceFeatureMigState.fields.data_fd[0]
const getDmaBuf = VFIO_DEVICE_FEATURE_GET | deviceFeatures['dma-buf'].id

/**
 * The place of the descriptor that an ioctl makes in its answer: 0 if that is its result, else the offset in its
 * struct; undefined if it makes none.
 */
export function descriptorMade(number: number, argument: Uint8Array | number | undefined): number | undefined {
  if (typeof argument !== 'object') return undefined
  if (makesDescriptor(number)) return 0
  if (number !== request.VFIO_DEVICE_FEATURE || argument.length < vfioDeviceFeature.size) return undefined
  const [at] = vfioDeviceFeature.fields.flags
  const flags = new DataView(argument.buffer, argument.byteOffset).getUint32(at, kernelOrder)
  if (flags === getDmaBuf) return 0
  const state = vfioDeviceFeature.size + vfioDeviceFeatureMigState.size
  // too short for one: the kernel refuses it
  return flags === setDeviceState && argument.length >= state ? dataFd : undefined
}
