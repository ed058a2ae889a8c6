import { expect, test } from 'vitest'
import { kernelTraits } from '../../../../src/mock/base/kernel-traits.ts'
import { FdTable } from '../../../../src/mock/descriptors/fd-table.ts'
import type { Feature } from '../../../../src/mock/sdk/feature.ts'
import { callFeature, callingProcess } from '../../../../src/mock/vfio/device-feature.ts'
import { codeOf, words } from '../machine.ts'

const [get, set, probe] = [0x1_0000, 0x2_0000, 0x4_0000]
const counter = 5
const readOnly = 6

let kept = 0
const features = new Map<number, Feature>([
  [
    counter,
    {
      size: 4,
      get(data) {
        new DataView(data.buffer, data.byteOffset).setUint32(0, kept, true)
      },
      set(data) {
        kept = new DataView(data.buffer, data.byteOffset).getUint32(0, true)
        return 7
      },
    },
  ],
  [readOnly, { size: 4, get: () => undefined }],
])
const process = callingProcess(new FdTable(), [])

function call(flags: number, ...data: number[]): { result: unknown; bytes: Uint8Array } {
  const bytes = words(8 + 4 * data.length, flags, ...data)
  let result: unknown
  const code = codeOf(() => {
    result = callFeature(features, bytes, process, kernelTraits({}))
  })
  return { result: code ?? result, bytes }
}

test('a feature is set and got, and may return a number', () => {
  expect(call(set | counter, 42).result).toBe(7)
  const { result, bytes } = call(get | counter, 0)
  expect([result, new DataView(bytes.buffer).getUint32(8, true)]).toEqual([0, 42])
})

test('a probe does nothing, and needs no data', () => {
  kept = 1
  expect(call(probe | set | get | counter).result).toBe(0)
  expect(kept).toBe(1)
})

test.each([
  ['unknown', get | 99, [0], 'ENOTTY'],
  ['probe of an unknown one', probe | 99, [], 'ENOTTY'],
  ['set of what is only got', set | readOnly, [0], 'EINVAL'],
  ['probe for a set of what is only got', probe | set | readOnly, [0], 'EINVAL'],
  ['get and set at once', get | set | counter, [0], 'EINVAL'],
  ['neither', counter, [0], 'EINVAL'],
  ['too little data', get | counter, [], 'EINVAL'],
  ['a flag that does not exist', (1 << 19) | get | counter, [0], 'EINVAL'],
] as const)('%s', (_, flags, data, code) => {
  expect(call(flags, ...data).result).toBe(code)
})
