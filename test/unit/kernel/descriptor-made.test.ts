import { expect, test } from 'vitest'
import { descriptorMade } from '../../../src/kernel/descriptor-made.ts'
import { deviceFeatureFlag, deviceFeatures } from '../../../src/uapi/features.ts'
import { request } from '../../../src/uapi/requests.ts'

const {
  VFIO_DEVICE_FEATURE_GET: get,
  VFIO_DEVICE_FEATURE_SET: set,
  VFIO_DEVICE_FEATURE_PROBE: probe,
} = deviceFeatureFlag
const state = deviceFeatures['mig-device-state'].id
const dmaBuf = deviceFeatures['dma-buf'].id

function feature(flags: number): number | undefined {
  const words = Uint32Array.of(0, 16, flags, 0, 0)
  // As where the struct is a part of something longer.
  return descriptorMade(request.VFIO_DEVICE_FEATURE, new Uint8Array(words.buffer, 4))
}

test('a device of a group and the dma-buf of a display are the result of the call', () => {
  expect(descriptorMade(request.VFIO_GROUP_GET_DEVICE_FD, Buffer.from('0000:00:05.0\0'))).toBe(0)
  expect(descriptorMade(request.VFIO_DEVICE_GET_GFX_DMABUF, new Uint8Array(4))).toBe(0)
})

test('what a device migrates through is in the struct, behind the state that was set', () => {
  expect(feature(set | state)).toBe(12)
  expect([feature(get | state), feature(probe | set | state)]).toEqual([undefined, undefined])
})

test('the dma-buf of a region is the result where it was not only asked for', () => {
  expect(feature(get | dmaBuf)).toBe(0)
  expect(feature(probe | get | dmaBuf)).toBeUndefined()
})

test('no other call makes one: VFIO_IOMMU_ENABLE has the number of a display’s, and no struct', () => {
  expect(descriptorMade(request.VFIO_DEVICE_GET_GFX_DMABUF, undefined)).toBeUndefined()
  expect(descriptorMade(request.VFIO_SET_IOMMU, 1)).toBeUndefined()
  expect(descriptorMade(request.VFIO_DEVICE_FEATURE, new Uint8Array(4))).toBeUndefined()
  const withoutState = new Uint8Array(Uint32Array.of(8, set | state).buffer)
  expect(descriptorMade(request.VFIO_DEVICE_FEATURE, withoutState)).toBeUndefined()
  expect(descriptorMade(request.VFIO_DEVICE_GET_INFO, new Uint8Array(16))).toBeUndefined()
})
