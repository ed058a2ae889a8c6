import { expect, test } from 'vitest'
import { parsePciAddress } from '../../../src/base/units.ts'
import { readResizableBars } from '../../../src/host/pci-bars.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { card, pciScenario } from '../mock/pci/pci-scenario.ts'

const address = parsePciAddress(card)
const [MiB, GiB] = [2 ** 20, 2 ** 30]
const line = '0x0000004000000000 0x000000400fffffff 0x000000000014220c\n'

/** The files of a host whose card has these files in its folder. */
function filesWith(found: Readonly<Record<string, string>>) {
  const { files } = createMockKernel(pciScenario)
  const nameOf = (path: string) => path.split('/').at(-1) ?? ''
  return Object.assign(Object.create(files), {
    read: (path: string) => found[nameOf(path)] ?? files.read(path),
    list: () => Object.keys(found),
  })
}

test.for([
  ['none', {}, []],
  [
    'those that the kernel documents',
    { resource: line, resource0_resize: '00000000000001c0\n' },
    [0, 256, [64, 128, 256]],
  ],
  ['one without a size', { resource: '0x0 0x0 0x0\n', resource0_resize: '100\n' }, [0, null, [256]]],
  ['one that has none', { resource: line, resource0_resize: '0\n' }, []],
  ['one that makes no sense', { resource: line, resource0_resize: '\u001b[31m' }, []],
  ['no such BAR', { resource: line, resource6_resize: '1\n', resource0_resize_x: '1' }, []],
] as const)('%s', ([, found, [bar, size, sizes]]) => {
  const expected = bar === undefined ? [] : [{ bar, size: size && size * MiB, sizes: sizes?.map((it) => it * MiB) }]
  expect(readResizableBars(filesWith(found), address)).toEqual(expected)
})

test('sizes of the capability go to 2^43 MiB, and no further', () => {
  const [bar] = readResizableBars(filesWith({ resource: line, resource0_resize: 'ffffffffffffffff\n' }), address)
  expect([bar?.sizes.length, bar?.sizes.at(-1)]).toEqual([44, 2 ** 33 * GiB])
})
