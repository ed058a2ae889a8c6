import { expect, test } from 'vitest'
import { parsePciAddress } from '../../../src/base/units.ts'
import { readPciPower, readResetMethods } from '../../../src/host/pci-power.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { card, pciScenario } from '../mock/pci/pci-scenario.ts'

const address = parsePciAddress(card)

/** The files of a host whose card has these methods, alone on its bus or with a second function beside it. */
function filesWith(methods: string, ...beside: string[]) {
  const { files } = createMockKernel(pciScenario)
  return Object.assign(Object.create(files), {
    read: (path: string) => (path.endsWith('/reset_method') ? methods : files.read(path)),
    list: (path: string) => [...files.list(path), ...(path === '/sys/bus/pci/devices' ? beside : [])],
  })
}

test.for([
  ['flr bus\n', [], ['flr', 'bus']],
  ['flr bus\n', ['0000:03:01.0'], ['flr']],
  ['bus\n', ['0000:03:00.1'], []],
  ['bus\n', ['0001:03:00.1', '0000:30:00.0'], ['bus']],
  ['\n', [], []],
  ['pm  af_flr\n', [], ['pm', 'af_flr']],
  ['pm \u001b[31mred ../x\n', [], ['pm']],
] as const)('of %j, with %j on the bus, the device can be reset by %j', ([methods, beside, expected]) => {
  expect(readResetMethods(filesWith(methods, ...beside), address)).toEqual(expected)
})

test('words that make no sense are null', () => {
  const { files } = createMockKernel(pciScenario)
  const odd = Object.assign(Object.create(files), { read: () => 'D9\n', list: () => [] })
  expect(readPciPower(odd, address)).toEqual({
    powerState: null,
    d3coldAllowed: null,
    control: null,
    runtimeStatus: null,
    resetMethods: [],
  })
})
