import fc from 'fast-check'
import { expect, test } from 'vitest'
import { request } from '../../src/uapi/requests.ts'
import type { Call } from '../vm/differential/call.ts'
import { differenceOf, mockOf } from '../vm/differential/compare.ts'
import { Coverage } from '../vm/differential/coverage.ts'
import { whyLeftOut } from '../vm/differential/left-out.ts'
import { sequences } from '../vm/differential/sequences.ts'
import { stub } from './stub.ts'

// The run of test/vm/differential, on two mocks: what it would say of a mock that is not as the kernel is.
test('two kernels that are alike have no difference', async () => {
  const property = fc.asyncProperty(sequences('7'), async (calls) => {
    const kernels = { mock: mockOf('7'), kernel: mockOf('7'), version: '7' } as const
    expect(await differenceOf(calls, kernels, new Coverage())).toBeNull()
  })
  await fc.assert(property, { numRuns: 50, seed: 1 })
})

test('a difference is the last of what is told, and nothing is called after it', async () => {
  const ask = (what: number): Call => ({
    kind: 'ioctl',
    request: 'VFIO_CHECK_EXTENSION',
    number: request.VFIO_CHECK_EXTENSION,
    on: { what: 'container', nth: 0 },
    argument: what,
  })
  const nesting = 6
  const calls: Call[] = [{ kind: 'open', what: 'container' }, ask(1), ask(nesting), ask(2)]
  const coverage = new Coverage()
  const kernels = { mock: mockOf('6.12'), kernel: mockOf('7'), version: '7' } as const
  const told = await differenceOf(calls, kernels, coverage)
  expect(told?.split('\n').slice(-2)).toEqual([
    '2. VFIO_CHECK_EXTENSION {"on":{"what":"container","nth":0},"argument":6}: 0',
    'on the mock: 1',
  ])
  expect(coverage.calls).toBe(3)
})

test('where something breaks, the calls up to it are told', async () => {
  const calls: Call[] = [
    { kind: 'open', what: 'container' },
    { kind: 'close', on: { what: 'container', nth: 0 } },
  ]
  const broken = new Error('broken')
  const kernel = stub(mockOf('7'), {
    close: () => {
      throw broken
    },
  })
  await expect(differenceOf(calls, { mock: mockOf('7'), kernel, version: '7' }, new Coverage())).rejects.toThrow(
    expect.objectContaining({
      message: [
        'no answer at all:',
        '0. open {"what":"container"}: opened',
        '1. close {"on":{"what":"container","nth":0}}',
      ].join('\n'),
      cause: broken,
    }),
  )
})

test('a call that is too short to be one that is left out is made', () => {
  const setState = (bytes: string): Call => ({
    kind: 'ioctl',
    request: 'VFIO_DEVICE_FEATURE',
    number: request.VFIO_DEVICE_FEATURE,
    on: { what: 'device', nth: 0 },
    argument: { bytes, fds: [], pages: [] },
  })
  const probe = '0800000002000600'
  const preCopy = '10000000020002000600000000000000'
  expect(whyLeftOut(setState(probe), 'mtty', '6.12')).toBeNull()
  expect(whyLeftOut(setState(preCopy), 'mtty', '6.12')).toContain('pre-copy')
})

test("a write to a part of mtty's BAR is left out, and one to all of it is made", () => {
  const write = (offset: number, bytes: string): Call => {
    return { kind: 'pwrite', on: { what: 'device', nth: 0 }, region: 7, offset, bytes }
  }
  const partial = [write(0x0e, 'ff0400040ff0ff0f00'), write(0x10, 'ffff'), write(0x14, 'ff')]
  const whole = [write(0x10, '00040ff0'), write(0x0e, 'ff0400040ff0'), write(0x12, 'ffff'), write(0x15, 'ff')]
  expect(partial.map((it) => whyLeftOut(it, 'mtty', '7'))).toEqual(partial.map(() => expect.stringContaining('stack')))
  expect(whole.map((it) => whyLeftOut(it, 'mtty', '7'))).toEqual(whole.map(() => null))
})

test('a write that reaches the reserved bytes of edu is left out, and one that ends before them is made', () => {
  const write = (offset: number, bytes: string): Call => {
    return { kind: 'pwrite', on: { what: 'device', nth: 0 }, region: 7, offset, bytes }
  }
  expect(whyLeftOut(write(0x4c, '000000'), 'edu', '7')).toContain('reserved')
  expect([write(0x4c, '0000'), write(0xff, '0000')].map((it) => whyLeftOut(it, 'edu', '7'))).toEqual([null, null])
})
