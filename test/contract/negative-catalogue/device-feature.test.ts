import { expect, type TestContext, test } from 'vitest'
import {
  deviceFeatureFlag,
  deviceFeatures,
  migrationFlag,
  vfioDeviceFeature,
  vfioDeviceFeatureDmaLoggingReport,
  vfioDeviceFeatureMigration,
} from '../../../src/uapi/features.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encode } from '../../../src/uapi/struct.ts'
import { openRawMtty } from '../irq/irq-raw.ts'
import { isLinuxBefore } from '../kernel.ts'
import { answerOf } from '../kernel-answer.ts'

// libvfio-user's 8 cases of VFIO_DEVICE_FEATURE (test/py/test_migration.py), asked of mtty.
const { VFIO_DEVICE_FEATURE_GET: get, VFIO_DEVICE_FEATURE_SET: set } = deviceFeatureFlag
const { VFIO_DEVICE_FEATURE_PROBE: probe } = deviceFeatureFlag
const migration = deviceFeatures.migration.id
const state = deviceFeatures['mig-device-state'].id
const report = deviceFeatures['dma-logging-report'].id
const { size } = vfioDeviceFeature

interface Asked {
  readonly flags: number
  /** Behind the struct; zeros. */
  readonly room: number
  /** As long as both, unless told. */
  readonly argsz?: number
}

async function openCase(context: TestContext) {
  const raw = await openRawMtty(context)
  return {
    /** mtty migrates. */
    migrates: !isLinuxBefore(raw, 6, 7),
    ask({ flags, room, argsz = size + room }: Asked): { answer: number | string; bytes: Uint8Array } {
      const bytes = Uint8Array.of(...encode(vfioDeviceFeature, { argsz, flags }), ...new Uint8Array(room))
      return { answer: answerOf(() => raw.descriptor.ioctl(request.VFIO_DEVICE_FEATURE, bytes)), bytes }
    },
  }
}

const { VFIO_MIGRATION_STOP_COPY, VFIO_MIGRATION_P2P, VFIO_MIGRATION_PRE_COPY } = migrationFlag

test('DEVICE_FEATURE, case 1 of 8: to get what migration can do', async (context) => {
  const { migrates, ask } = await openCase(context)
  const { answer, bytes } = ask({ flags: migration | get, room: 8 })
  const { flags } = decode(vfioDeviceFeatureMigration, bytes, size)
  const all = BigInt(VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY)
  expect([answer, flags]).toEqual(migrates ? [0, all] : ['ENOTTY', 0n])
})

test('DEVICE_FEATURE, case 8 of 8: a probe answers and writes nothing; for two operations it wants both', async (context) => {
  const { migrates, ask } = await openCase(context)
  const { answer, bytes } = ask({ flags: migration | probe, room: 0 })
  expect(answer).toBe(migrates ? 0 : 'ENOTTY')
  expect(bytes).toEqual(encode(vfioDeviceFeature, { argsz: size, flags: migration | probe }))
  expect(ask({ flags: migration | probe | get | set, room: 0 }).answer).toBe(migrates ? 'EINVAL' : 'ENOTTY')
})

test.for<[number, string, Asked, string, string]>([
  [2, 'a byte too few', { flags: migration | get, room: 7, argsz: size + 8 }, 'never made', 'never made'],
  [3, 'to set what can only be got', { flags: migration | set, room: 8 }, 'EINVAL', 'ENOTTY'],
  [4, 'to probe with an argsz of 2', { flags: migration | probe, room: 0, argsz: 2 }, 'EINVAL', 'EINVAL'],
  [5, 'to get with no room for the data', { flags: migration | get, room: 0 }, 'EINVAL', 'ENOTTY'],
  [
    6,
    'to get dirty pages with a byte too little room',
    { flags: report | get, room: vfioDeviceFeatureDmaLoggingReport.size - 1 },
    'EINVAL',
    'ENOTTY',
  ],
  [7, 'to set a state with no data', { flags: state | set, room: 0 }, 'EINVAL', 'ENOTTY'],
])('DEVICE_FEATURE, case %i of 8: %s', async ([, , asked, answer, before], context) => {
  const { migrates, ask } = await openCase(context)
  expect(ask(asked).answer).toBe(migrates ? answer : before)
})
