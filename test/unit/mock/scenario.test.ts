import { describe, expect, test } from 'vitest'
import { createMockKernel } from '../../../src/mock/mock-kernel.ts'
import { readScenario } from '../../../src/mock/read-scenario.ts'
import { demo } from '../../../src/mock/scenarios/demo.ts'
import { available } from './machine.ts'
import { pciScenario } from './pci-scenario.ts'

function failureOf(value: unknown): unknown {
  try {
    return readScenario(typeof value === 'string' ? value : JSON.stringify(value), 'lab.json')
  } catch (error) {
    return error
  }
}

test('a scenario is JSON: the demo host comes back from its own text', () => {
  const read = readScenario(JSON.stringify(demo), 'demo.json')
  expect(read).toEqual(demo)
  expect(available(createMockKernel(read), 'mtty', 'mtty-2')).toBe(12)
})

test('a scenario of PCI functions comes back likewise', () => {
  expect(readScenario(JSON.stringify(pciScenario), 'pci.json')).toEqual(pciScenario)
})

describe('what is wrong is named by file and field', () => {
  const [mtty, t4] = demo.parents
  const withParent = (change: object) => ({ ...demo, parents: [{ ...mtty, ...change }] })
  const withType = (change: object) => withParent({ types: [{ ...mtty?.types[0], ...change }] })

  const [device] = pciScenario.pci
  const withFunction = (change: object) => ({
    ...pciScenario,
    pci: [{ ...device, function: { ...device?.function, ...change } }],
  })

  test.each([
    ['text that is no JSON', '{', ''],
    ['a list', [], ''],
    ['a missing field', { ...demo, disk: undefined }, 'disk'],
    ['an unknown field', { ...demo, discs: {} }, 'discs'],
    ['a PCI address that is short', { ...demo, pci: [{ ...demo.pci[0], address: '3b:00.0' }] }, 'pci.0.address'],
    ['a device id without 0x', { ...demo, pci: [{ ...demo.pci[0], device: '1eb8' }] }, 'pci.0.device'],
    ['a BAR that no device has', withFunction({ bars: { '6': 4096 } }), 'pci.0.function.bars.6'],
    ['a BAR of an odd size', withFunction({ bars: { '0': 4097 } }), 'pci.0.function.bars.0'],
    ['configuration bytes that are no hex', withFunction({ config: { '0x04': 'xy' } }), 'pci.0.function.config.0x04'],
    ['a parent that is nowhere', { ...demo, pci: [], parents: [t4] }, 'parents'],
    ['a name that leaves its folder', withParent({ name: '../x' }), 'parents.0.name'],
    [
      'an attribute that leaves its folder',
      withParent({ attributes: [{ path: '../x', value: '', access: 'r' }] }),
      'parents.0.attributes.0.path',
    ],
    ['a type that uses nothing', withType({ uses: {} }), 'parents.0.types.0.uses'],
    ['a type that uses a fraction', withType({ uses: { ports: 0.5 } }), 'parents.0.types.0.uses.ports'],
    ['an unknown model', withType({ model: { kind: 'gpu' } }), 'parents.0.types.0.model.kind'],
    ['two types of one id', withParent({ types: [mtty?.types[0], mtty?.types[0]] }), 'parents.0.types'],
    ['a disk path through a file', { ...demo, disk: { '/etc/x': '', '/etc/x/y/z': '' } }, 'disk'],
    ['a disk path with ..', { ...demo, disk: { '/etc/../x': '' } }, 'disk./etc/../x'],
  ])('%s', (_, value, field) => {
    const error = failureOf(value)
    expect(error).toMatchObject({ name: 'VfioError', code: 'INVALID_DEFINITION', path: 'lab.json' })
    if (field !== '') expect(error).toMatchObject({ facts: { field } })
    expect(String(error)).toContain(`lab.json`)
  })
})
