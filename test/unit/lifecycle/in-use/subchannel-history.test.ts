import { expect, test } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { subchannelHistory } from '../../../../src/lifecycle/in-use/subchannel-history.ts'

const device = { bus: 'css', name: '0.0.0314' } as const
const path = '/sys/kernel/debug/s390dbf/vfio_ccw_msg/sprintf'

/** The uses of a subchannel if the driver's log reads so, or fails so. */
function uses(log: string | { readonly code: string }) {
  const read = (asked: string) => {
    expect(asked).toBe(path)
    if (typeof log === 'string') return log
    throw systemError(log.code, 'open', asked)
  }
  return subchannelHistory({ read }, device, false)
}

test.each([
  ['nothing', '', false],
  ['its device', '00 01764526000:123456 2 - 01 000003ff80012345  sch 0.0.0314: create\n', true],
  ['its device, by the number of its channel subsystem', '00 1:2 2 - 01 0  sch fe.0.0314: create\n', true],
  ['its device, as Linux 5 says it', '00 1:2 2 - 01 0  mdev 1234, sch 0.0.0314: create\n', true],
  ['another subchannel', '00 1:2 2 - 01 0  sch 0.0.0315: create\n00 1:2 2 - 01 0  sch 0.1.0314: create\n', false],
  ['its end alone', '00 1:2 2 - 01 0  sch 0.0.0314: remove\n', false],
])('a log of %s', (_what, log, isDanger) => {
  expect(uses(log).map(({ end }) => end)).toEqual(isDanger ? ['reboot'] : [])
})

test.each([
  ['ENOENT', `${path} is not there`, 'mount -t debugfs none /sys/kernel/debug'],
  ['EPERM', `${path} may not be read`, null],
  ['EIO', `${path} cannot be read`, null],
])('a log that is %s rules nothing out', (code, said, end) => {
  expect(uses({ code })).toEqual([{ what: expect.stringContaining(said), end }])
})
