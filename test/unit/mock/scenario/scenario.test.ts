import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { readScenario } from '../../../../src/mock/scenario/read-scenario.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { loadScenario } from '../../../../src/mock/shipped/load-scenario.ts'
import { scenarioNames } from '../../../../src/mock/shipped/names.ts'
import { shipped } from '../../../../src/mock/shipped/shipped.ts'
import { openHost } from '../../../../src/open-host.ts'
import { available } from '../machine.ts'
import { pciScenario } from '../pci/pci-scenario.ts'

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

test.each(Object.entries(shipped))('%s ships, under its own name, and comes back from its text', (name, scenario) => {
  expect(scenario.name).toBe(name)
  expect(readScenario(JSON.stringify(scenario), 'x.json')).toEqual(scenario)
  expect(scenarioNames).toHaveProperty(name)
})

describe('openHost and --mock take', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-scenario-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text)
    return join(folder, name)
  }
  const failure = (nameOrFile: string) => {
    try {
      return loadScenario(nameOrFile)
    } catch (error) {
      return error
    }
  }

  test('the name of a scenario that ships, one as it is, or a JSON file', async () => {
    const json = file('lab.json', JSON.stringify({ ...pciScenario, name: 'from-a-file' }))
    for (const mock of ['gpu-host', pciScenario, json]) {
      await using host = openHost({ mock })
      expect(host.groups().groups.length).toBeGreaterThan(0)
    }
    expect(loadScenario(json).name).toBe('from-a-file')
  })

  test('a module whose default export is the scenario', () => {
    const module = file('lab.mjs', `export default ${JSON.stringify(pciScenario)}`)
    expect(loadScenario(module)).toEqual(pciScenario)
  })

  test('a TypeScript file where Node reads it, and say which Node does where not', () => {
    const text = `const name: string = 'typed'\nexport default { ...${JSON.stringify(pciScenario)}, name }`
    const loaded = failure(file('vm-scenario.ts', text))
    const strips = 'typescript' in process.features && Boolean(process.features.typescript)
    expect(loaded).toMatchObject(
      strips ? { name: 'typed' } : { code: 'NOT_SUPPORTED', message: expect.stringContaining('22.18') },
    )
  })

  test('no other name: NOT_FOUND, with those that ship', () => {
    const hint = expect.stringContaining('demo, gpu-host, a40-host, blackwell, arc-pro, instinct, mainframe')
    expect(failure('gpu-hots')).toMatchObject({ code: 'NOT_FOUND', hint })
    expect(failure(join(folder, 'none.mjs'))).toMatchObject({ code: 'NOT_FOUND', hint })
    expect(failure(join(folder, 'none.json'))).toMatchObject({ code: 'NOT_FOUND', hint })
    expect(failure(folder)).toMatchObject({ code: 'SYSTEM_CALL_FAILED' })
  })

  test('no module that throws, or exports something else: INVALID_DEFINITION, with the field', () => {
    expect(failure(file('throws.mjs', 'throw new Error("not today")'))).toMatchObject({
      code: 'INVALID_DEFINITION',
      message: expect.stringContaining('not today'),
    })
    expect(failure(file('broken.mjs', 'export default {'))).toMatchObject({ code: 'INVALID_DEFINITION' })
    expect(
      failure(file('partly.mjs', `export default { ...${JSON.stringify(pciScenario)}, pci: [{}] }`)),
    ).toMatchObject({
      code: 'INVALID_DEFINITION',
      facts: { field: 'pci.0.address' },
    })
    expect(failure(file('nothing.mjs', 'export const x = 1'))).toMatchObject({ code: 'INVALID_DEFINITION' })
  })
})

test('a scenario names the kernel that it answers as: 6.1 where it names none, and none but those that are known', () => {
  const release = (scenario: object) => {
    const { files } = createMockKernel(readScenario(JSON.stringify(scenario), 'lab.json'))
    return files.read('/proc/sys/kernel/osrelease').trim()
  }
  expect([demo, ...['6.12', '6.19', '7'].map((kernel) => ({ ...demo, kernel }))].map(release)).toEqual([
    '6.1.0',
    '6.12.0',
    '6.19.0',
    '7.3.0',
  ])
  expect(failureOf({ ...demo, kernel: '5.4' })).toMatchObject({ code: 'INVALID_DEFINITION' })
})

test('a scenario of PCI functions comes back likewise', () => {
  expect(readScenario(JSON.stringify(pciScenario), 'pci.json')).toEqual(pciScenario)
  expect(readScenario(JSON.stringify({ ...pciScenario, pageSize: 65536 }), 'pci.json').pageSize).toBe(65536)
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

  const card = shipped['gpu-host'].pci.find(({ vgpus }) => vgpus !== undefined)
  const [vgpuType] = card?.vgpus?.types ?? []
  const withSriov = (change: object) => ({ ...demo, pci: [{ ...card, sriov: { ...card?.sriov, ...change } }] })
  const withVgpus = (change: object) => ({ ...demo, pci: [{ ...card, vgpus: { ...card?.vgpus, ...change } }] })

  const [subchannel] = shipped.mainframe.css ?? []
  const withSubchannel = (change: object) => ({ ...shipped.mainframe, css: [{ ...subchannel, ...change }] })

  test.each([
    ['text that is no JSON', '{', ''],
    ['a list', [], ''],
    ['a missing field', { ...demo, disk: undefined }, 'disk'],
    ['pages of a size that no kernel has', { ...demo, pageSize: 8192 }, 'pageSize'],
    ['an unknown field', { ...demo, discs: {} }, 'discs'],
    ['a PCI address that is short', { ...demo, pci: [{ ...demo.pci[0], address: '3b:00.0' }] }, 'pci.0.address'],
    ['a device id without 0x', { ...demo, pci: [{ ...demo.pci[0], device: '1eb8' }] }, 'pci.0.device'],
    ['more virtual functions than a bus has', withSriov({ totalVfs: 257 }), 'pci.0.sriov.totalVfs'],
    ['a virtual function without an id', withSriov({ vfDevice: '10' }), 'pci.0.sriov.vfDevice'],
    ['a driver model that nobody has', withVgpus({ driverModel: 'nouveau' }), 'pci.0.vgpus.driverModel'],
    ['a vGPU type without an id', withVgpus({ types: [{ ...vgpuType, id: 0 }] }), 'pci.0.vgpus.types.0.id'],
    ['two vGPU types of one id', withVgpus({ types: [vgpuType, vgpuType] }), 'pci.0.vgpus.types'],
    ['channel paths that are no bytes', withSubchannel({ chpids: '40 41' }), 'css.0.chpids'],
    ['masks of paths that are no hex', withSubchannel({ pimpampom: 'f0 f0 xx' }), 'css.0.pimpampom'],
    ['a control unit without a model', withSubchannel({ controlUnit: '3990' }), 'css.0.controlUnit'],
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
