import { expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { passedMessage, readPassedMessage, refusalMessage } from '../../../../src/vfio/program/passed-message.ts'

function read(value: unknown, descriptors: readonly number[] = [7, 9]) {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return readPassedMessage(new TextEncoder().encode(text), descriptors)
}

test('places among the descriptors of a message become their numbers', () => {
  const nodes = { iommufd: 0, devices: { '0000:3b:00.0': 1 } }
  expect(readPassedMessage(passedMessage(nodes), [7, 9])).toEqual({ iommufd: 7, devices: { '0000:3b:00.0': 9 } })
  const groups = { container: 1, groups: { 12: 0 } }
  expect(readPassedMessage(passedMessage(groups), [7, 9])).toEqual({ container: 9, groups: { 12: 7 } })
})

test('the reason why there are none arrives, with what helps', () => {
  const error = new VfioError('DEVICE_BUSY', 'group 12 is in use', { hint: 'stop qemu' })
  expect(() => readPassedMessage(refusalMessage(error), [])).toThrow(
    expect.objectContaining({
      code: 'DEVICE_BUSY',
      message: 'no descriptors were passed: group 12 is in use',
      hint: 'stop qemu',
    }),
  )
})

test.each([
  ['no JSON', 'descriptors'],
  ['no object', '[]'],
  ['two at one place', { iommufd: 1, devices: { a: 1 } }],
  ['one that did not come', { iommufd: 0, devices: { a: 2 } }],
  ['fewer than came', { iommufd: 0, devices: {} }],
  ['more than came', { iommufd: 0, devices: { a: 1, b: 2 } }],
  ['no place', { iommufd: 0, devices: { a: -1 } }],
  ['no group', { container: 0, groups: { '../1': 1 } }],
  ['devices without an iommufd', { devices: { a: 1 } }],
])('a message that names %s is malformed', (_what, value) => {
  expect(() => read(value)).toThrow(expect.objectContaining({ code: 'MALFORMED_REPLY' }))
})
