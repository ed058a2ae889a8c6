import fc from 'fast-check'
import {
  deviceFeatureFlag,
  deviceFeatures,
  vfioDeviceFeature,
  vfioDeviceFeatureDmaLoggingControl,
  vfioDeviceFeatureDmaLoggingReport,
  vfioDeviceLowPowerEntryWithWakeup,
} from '../../../src/uapi/features.ts'
import { request } from '../../../src/uapi/requests.ts'
import { encode } from '../../../src/uapi/struct.ts'
import { descriptor, ioctl, iova, length, on, sizes, struct } from './arguments.ts'
import type { Call, Descriptor, Struct } from './call.ts'

const {
  VFIO_DEVICE_FEATURE_GET: get,
  VFIO_DEVICE_FEATURE_SET: set,
  VFIO_DEVICE_FEATURE_PROBE: probe,
} = deviceFeatureFlag
const device = on(...Array<Descriptor>(14).fill('device'), 'group', 'container')
const head = vfioDeviceFeature.size
/** Pages with ranges for DMA logging (side.ts), one that has none, and the bitmap's. */
const rangePage = fc.constantFrom(15, 15, 15, 14, 4)
const bitmapPage = 8

function feature(flags: number, tail: Uint8Array, more: Partial<Pick<Struct, 'fds' | 'pages'>> = {}): Struct {
  return struct(vfioDeviceFeature, { argsz: head + tail.length, flags }, { tail, ...more })
}

const plain = fc
  .record({
    name: fc.constantFrom('migration', 'mig-data-size', 'mig-device-state'),
    room: fc.constantFrom(8, 8, 8, 8, 16, 4, 0),
  })
  .map(({ name, room }) => feature(deviceFeatures[name].id | get, new Uint8Array(room)))

const settings = fc
  .constantFrom('low-power-entry', 'low-power-exit', 'low-power-exit', 'dma-logging-stop', 'mig-precopy-info-v2')
  .map((name) => feature(deviceFeatures[name].id | set, new Uint8Array()))

const wakeup = fc.record({ reserved: fc.constantFrom(0, 0, 0, 1), fd: descriptor('eventfd') }).map(({ reserved, fd }) =>
  feature(
    deviceFeatures['low-power-entry-with-wakeup'].id | set,
    encode(vfioDeviceLowPowerEntryWithWakeup, { reserved }),
    {
      fds: [{ at: head, fd }],
    },
  ),
)

const pageSize = fc.constantFrom(4096n, 4096n, 4096n, 8192n, 0n, 1n, 2048n)
const startLogging = fc
  .record({
    page_size: pageSize,
    num_ranges: fc.constantFrom(1, 1, 2, 2, 0, 3, 257, 0xffff_ffff),
    page: rangePage,
  })
  .map(({ page, ...control }) =>
    feature(deviceFeatures['dma-logging-start'].id | set, encode(vfioDeviceFeatureDmaLoggingControl, control), {
      pages: [{ at: head + 16, page }],
    }),
  )

const report = fc.record({ page_size: pageSize, iova, length }).map((values) =>
  feature(deviceFeatures['dma-logging-report'].id | get, encode(vfioDeviceFeatureDmaLoggingReport, values), {
    pages: [{ at: head + 24, page: bitmapPage }],
  }),
)

const probes = fc
  .record({ id: fc.nat({ max: 13 }), operation: fc.constantFrom(0, get, set, get | set) })
  .map(({ id, operation }) => feature(id | probe | operation, new Uint8Array()))

/** But for the one whose data is a descriptor: under such numbers the two processes have what they happen to have. */
const anyData = fc.oneof(fc.constantFrom(0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11, 12, 13), fc.constantFrom(99, 0xffff))
const any = fc
  .record({
    id: anyData,
    operation: fc.constantFrom(0, get, get, get, set, set, set, get | set, probe, get | probe, set | probe, 0x8_0000),
    argsz: sizes(8, 15, 16, 24, 32, 40),
    data: fc.constantFrom('', '00', '0100000000000000', 'ffffffffffffffff', '0200000003000000', '0010000000000000'),
    words: fc.constantFrom('', '0010000000000000', '01000000', '0100000001000000'),
    page: fc.option(fc.constantFrom(4, 15)),
  })
  .map(({ id, operation, argsz, data, words, page }) =>
    struct(
      vfioDeviceFeature,
      { argsz, flags: id + operation },
      {
        size: argsz,
        tail: Buffer.from(data + words, 'hex'),
        pages: page === null ? [] : [{ at: id === 8 ? 32 : 24, page }],
      },
    ),
  )

/** VFIO_DEVICE_FEATURE of a device: abilities beyond regions and interrupts, by number. */
export const featureCalls: readonly fc.Arbitrary<Call>[] = [
  plain,
  settings,
  wakeup,
  startLogging,
  report,
  probes,
  any,
  any,
].map((argument) => ioctl(request, ['VFIO_DEVICE_FEATURE'], device, argument))
