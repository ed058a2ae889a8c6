import { afterEach, expect, it } from 'vitest'
import { expectFiftyAtOnce } from '../cli/fifty-at-once.ts'
import { vfioctl } from '../cli/vfioctl.ts'

afterEach(() => {
  const input = JSON.stringify({ version: 1, parents: [{ parent: 'mtty', others: 'remove' }] })
  expect(vfioctl(['apply', '-', '--yes'], { input })).toMatchObject({ status: 0 })
})

it(
  'fifty commands define, start, stop and modify at once on a real parent: each does what it is asked for',
  () => expectFiftyAtOnce(),
  600_000,
)
