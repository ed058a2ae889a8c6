import fc from 'fast-check'
import {
  deviceFeatureFlag,
  deviceFeatures,
  vfioDeviceFeature,
  vfioDeviceFeatureMigState,
  vfioPrecopyInfo,
} from '../../../src/uapi/features.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { ioctl, on, sizes, struct } from './arguments.ts'
import type { Call } from './call.ts'

const { VFIO_DEVICE_FEATURE_GET, VFIO_DEVICE_FEATURE_SET } = deviceFeatureFlag
const stream = on('stream', 'stream', 'stream', 'stream', 'device')
const id = deviceFeatures['mig-device-state'].id

const state = ioctl(
  request,
  ['VFIO_DEVICE_FEATURE'],
  on('device'),
  fc
    .record({
      argsz: fc.constantFrom(16, 16, 16, 16, 8, 15),
      operation: fc.constantFrom(VFIO_DEVICE_FEATURE_SET, VFIO_DEVICE_FEATURE_SET, VFIO_DEVICE_FEATURE_GET),
      device_state: fc.constantFrom(1, 2, 3, 4, 5, 6, 7, 0, 8),
    })
    .map(({ argsz, operation, device_state }) =>
      struct(
        vfioDeviceFeature,
        { argsz, flags: id | operation },
        { tail: encode(vfioDeviceFeatureMigState, { device_state, data_fd: -1 }) },
      ),
    ),
)

const precopy = ioctl(
  request,
  ['VFIO_MIG_GET_PRECOPY_INFO'],
  stream,
  fc
    .record({ argsz: sizes(vfioPrecopyInfo.size), flags: fc.constantFrom(0, 0, 1) })
    .map((values) => struct(vfioPrecopyInfo, values, { size: values.argsz })),
)

const read: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('read'),
  on: stream,
  length: fc.constantFrom(0, 1, 8, 24, 36, 96, 200),
})

/** Header of mtty's stream, in hex, and pieces of it. */
const header = '4e2c3e8c89099d7e01000000000000000200000000000000'
const write: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('write'),
  on: stream,
  bytes: fc.constantFrom(
    header,
    header,
    header.slice(0, 16),
    header.slice(16),
    '00'.repeat(36),
    '00'.repeat(72),
    '00',
    '',
  ),
})

/** States of a migration, and the stream of what is saved. */
export const streamCalls: readonly fc.Arbitrary<Call>[] = [state, state, state, precopy, read, read, write]
