import { describe, expect, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { HostTree } from '../../host-tree.ts'

// What NVIDIA's vgpu-device-manager 0.5.0 takes for its file, and what it takes it for.

/** A file with one config of one entry. */
function entry(text: string): string {
  return `version: v1\nvgpu-configs:\n  one:\n    - ${text}\n`
}

const all = (wanted: string) => entry(`{ devices: all, vgpu-devices: ${wanted} }`)

describe('the file', () => {
  test.each([
    ['one config', all('{ A100-4C: 10 }')],
    ['several types', all('{ A100-4C: 5, A100-5C: 4 }')],
    ['no device, as {}', all('{}')],
    ['no device, as null', all('null')],
    ['a list of numbers', entry('{ devices: [0, 3], vgpu-devices: {} }')],
    ['JSON', '{"version":"v1","vgpu-configs":{"one":[{"devices":"all","vgpu-devices":{"A100-4C":10}}]}}'],
    ['an id', entry('{ device-filter: "0x20B510DE", devices: all, vgpu-devices: {} }')],
    ['ids', entry('{ device-filter: ["0x20B510DE", "0x20b510de"], devices: all, vgpu-devices: {} }')],
    ['an id with its subsystem', entry('{ device-filter: "0x25B610DE:0x14A910DE", devices: all, vgpu-devices: {} }')],
    ['a word for an id', entry('{ device-filter: MODEL, devices: all, vgpu-devices: {} }')],
    ['too many ids in one', entry('{ device-filter: "0x25B610DE:0x14A910DE:x", devices: all, vgpu-devices: {} }')],
    ['an empty id', entry('{ device-filter: "", devices: all, vgpu-devices: {} }')],
    ['null for an id', entry('{ device-filter: null, devices: all, vgpu-devices: {} }')],
  ])('with %s is taken', (_, text) => {
    expect(parseSpec(text, 'dm.yaml').gpus).toHaveLength(1)
  })

  test.each([
    ['another version', all('{}').replace('v1', 'v2'), /version/],
    ['no version', all('{}').replace('version: v1\n', ''), /version/],
    ['no configs', 'version: v1\n', /vgpu-configs/],
    ['an empty list of configs', 'version: v1\nvgpu-configs: {}\n', /vgpu-configs/],
    ['an empty config', 'version: v1\nvgpu-configs: { one: [] }\n', /one.*entry/],
    ['an unknown field', `${all('{}')}bogus: field\n`, /bogus/],
    ['an unknown field of an entry', entry('{ bogus: 1, devices: all, vgpu-devices: {} }'), /bogus/],
    ['no devices', entry('{ vgpu-devices: {} }'), /devices.*missing/],
    ['other words for devices', entry('{ devices: some, vgpu-devices: {} }'), /must be all/],
    ['no vgpu-devices', entry('{ devices: all }'), /vgpu-devices.*missing/],
    ['a number for an id', entry('{ device-filter: 0x20B510DE, devices: all, vgpu-devices: {} }'), /quotes/],
    ['a count of 0', all('{ A100-5C: 0 }'), /at least 1/],
    ['a count below 0', all('{ A100-5C: -1 }'), /at least 1/],
    ['a type twice', all('{ A100-5C: 1, GRID A100-5C: 1 }'), /twice/],
    ['types of both kinds', all('{ A100-5C: 1, A100-1-5C: 1 }'), /MIG/],
  ])('with %s is refused, and the place is named', (_, text, what) => {
    expect(() => parseSpec(text, 'dm.yaml')).toThrow(what)
  })

  test.each([
    ...['A16-8Q', 'A16-8A', 'A16-8B', 'A16-8C', 'M60-0Q', 'A100-5C', 'RTX6000-Ada-2Q', '6000D-84C'],
    ...['A100-1-5C', 'A100-1-5CME', 'A100-1-5CNOME', 'A100-1-5CMEALL', 'DC-1-24QGFX'],
    ...['NVIDIA A40-12Q', 'GRID A100-1-5C', 'GRID_T4-4Q', 'NVIDIA RTX Pro 6000 Blackwell DC-24Q'],
  ])('names the type %s', (type) => {
    const [devices] = parseSpec(all(`{ "${type}": 1 }`), 'dm.yaml').gpus
    expect(devices?.devices).toEqual([{ type: type.split(/[ _]/).at(-1), count: 1 }])
  })

  test.each([
    ...['', 'bogus', 'A16-8E', 'A100-5c', ' A100-5C', 'A100 -5C', 'A100- 5C', 'A100-5C ', ' A100-1-5C', 'A100 -1-5C'],
    ...['A100-1 -5C', 'A100-1- 5C', 'A100-1-5 C', 'A100-1-5Cme', 'A100-1-5C ME', 'A100-1-5Cab', 'A100-1-5C+me'],
  ])('names no type by %j', (type) => {
    expect(() => parseSpec(all(`{ "${type}": 1 }`), 'dm.yaml')).toThrow(/must be the name of a type of vGPU/)
  })

  test('with one config needs no label; with several it says which there are, and the nearest', () => {
    const two =
      'version: v1\nvgpu-configs:\n  T4-4Q: [{ devices: all, vgpu-devices: {} }]\n  mixed: [{ devices: all, vgpu-devices: {} }]\n'
    for (const label of [undefined, 'constructor']) {
      expect(() => parseSpec(two, 'dm.yaml', label)).toThrow(/--config T4-4Q or mixed/)
    }
    expect(() => parseSpec(two, 'dm.yaml', 'T4-4q')).toThrow(/has no 'T4-4q': --config T4-4Q$/)
    expect(() => parseSpec(all('{}'), 'dm.yaml', 'two')).toThrow(/--config one/)
  })
})

/** A card as sysfs shows it: its ids, device and subsystem device, in hex without 0x. */
interface Card {
  readonly device: string
  readonly subsystem?: string
  readonly class?: string
  /** Names of types; with `functions`, each of those offers them. */
  readonly types?: readonly string[]
  readonly functions?: number
}

const addresses = ['0000:01:00.0', '0000:3b:00.0', '0000:d8:00.0', '0001:01:00.0'] as const

function host(...cards: readonly Card[]): HostTree {
  const tree = new HostTree().directory('sys/class/mdev_bus')
  for (const [index, card] of cards.entries()) {
    const address = addresses[index] ?? ''
    pci(tree, address, card)
    const functions = Array.from({ length: card.functions ?? 0 }, (_, n) => address.replace(/0$/, String(n + 1)))
    for (const parent of card.functions === undefined ? [address] : functions) {
      if (parent !== address) {
        pci(tree, parent, card)
        tree.link(`sys/devices/pci0000:00/${parent}/physfn`, `../${address}`)
        tree.link(`sys/devices/pci0000:00/${address}/virtfn${functions.indexOf(parent)}`, `../${parent}`)
      }
      for (const [number, name] of (card.types ?? []).entries()) {
        const type = { device_api: 'vfio-pci', available_instances: card.functions ? '1' : '4', name }
        tree.type(parent, `nvidia-${100 + number}`, type)
      }
    }
    if (card.functions !== undefined) {
      const path = `sys/devices/pci0000:00/${address}`
      tree.file(`${path}/sriov_totalvfs`, `${card.functions}\n`).file(`${path}/sriov_numvfs`, `${card.functions}\n`)
    }
  }
  return tree
}

function pci(tree: HostTree, address: string, card: Card): void {
  const path = `sys/devices/pci0000:00/${address}`
  tree.file(`${path}/vendor`, '0x10de\n').file(`${path}/device`, `0x${card.device}\n`)
  tree.file(`${path}/class`, `${card.class ?? '0x030200'}\n`)
  tree.link(`sys/bus/pci/devices/${address}`, `../../../devices/pci0000:00/${address}`)
  if (card.subsystem === undefined) return
  tree.file(`${path}/subsystem_device`, `0x${card.subsystem}\n`).file(`${path}/subsystem_vendor`, '0x10de\n')
}

/** Parent and type of each device that is to be made: '0000:3b:00.0 nvidia-100'. */
function planned(tree: HostTree, text: string, label?: string): string[] {
  const { entries } = makePlan(openLinux({ root: tree.root }), parseSpec(text, 'dm.yaml', label))
  return entries.filter(({ action }) => action === 'create').map(({ parent, type }) => `${parent} ${type}`)
}

const t4: Card = { device: '1eb8', types: ['GRID T4-4Q', 'GRID T4-8Q'] }

describe('on a host', () => {
  test('numbers count every GPU of NVIDIA’s: display cards and those that a filter leaves out, and no virtual functions', () => {
    const a40 = { device: '2235', types: ['NVIDIA A40-12Q'], functions: 2 }
    const tree = host({ device: '128b', class: '0x030000' }, a40, { device: '2235', class: '0x040300' }, t4)
    expect(planned(tree, entry('{ devices: [2], vgpu-devices: { T4-4Q: 1 } }'))).toEqual(['0001:01:00.0 nvidia-100'])
    const filtered = entry('{ device-filter: "0x1EB810DE", devices: [2], vgpu-devices: { T4-4Q: 1 } }')
    expect(planned(tree, filtered)).toEqual(['0001:01:00.0 nvidia-100'])
    expect(() => planned(tree, filtered.replace('[2]', '[0]'))).toThrow(/no GPU of NVIDIA's on this host fits/)
  })

  test('an entry that fits no GPU is passed over, in a label of hundreds too', () => {
    const models = Array.from({ length: 700 }, (_, n) => {
      const id = (0x2100_10de + n * 0x1_0000).toString(16).toUpperCase()
      return `    - device-filter: "0x${id}"\n      devices: all\n      vgpu-devices: { A${n}-4Q: 2 }\n`
    })
    const text = `version: v1\nvgpu-configs:\n  default:\n${models.join('')}    - device-filter: "0x1EB810DE"\n      devices: all\n      vgpu-devices: { T4-8Q: 2 }\n`
    expect(planned(host(t4), text)).toEqual(['0000:01:00.0 nvidia-101', '0000:01:00.0 nvidia-101'])
  })

  test('a subsystem tells models of one device id apart, and a GPU that does not say its own has 0', () => {
    const a16 = { device: '25b6', subsystem: '14a9', types: ['NVIDIA A16-4Q'] }
    const a2 = { device: '25b6', subsystem: '157e', types: ['NVIDIA A2-4Q'] }
    const tree = host(a16, a2, { device: '25b6', types: ['NVIDIA A2-8Q'] })
    const by = (filter: string, type: string) =>
      planned(tree, entry(`{ device-filter: ${filter}, devices: all, vgpu-devices: { ${type}: 1 } }`))
    expect(by('"0x25B610DE:0x14a910de"', 'A16-4Q')).toEqual(['0000:01:00.0 nvidia-100'])
    expect(by('["0x1EB810DE", "0x25B610DE:0x157E10DE", "junk"]', 'A2-4Q')).toEqual(['0000:3b:00.0 nvidia-100'])
    expect(by('"0x25B610DE:0x0"', 'A2-8Q')).toEqual(['0000:d8:00.0 nvidia-100'])
  })

  test('of two entries for a GPU the later one holds', () => {
    const text = `${all('{ T4-4Q: 2 }')}    - { devices: [1], vgpu-devices: { T4-8Q: 1 } }\n`
    expect(planned(host(t4, t4), text)).toEqual([
      '0000:01:00.0 nvidia-100',
      '0000:01:00.0 nvidia-100',
      '0000:3b:00.0 nvidia-101',
    ])
  })

  test('of entries for models that share an id, that of the other model is passed over, and said', () => {
    const model = (type: string) => `{ device-filter: "0x1E7810DE", devices: all, vgpu-devices: { ${type}: 1 } }`
    const text = `${entry(model('RTX8000P-24Q'))}    - ${model('RTX6000P-12Q')}\n`
    const tree = host({ device: '1e78', types: ['GRID RTX8000P-24Q'] })
    const plan = makePlan(openLinux({ root: tree.root }), parseSpec(text, 'dm.yaml'))
    expect(plan.entries).toMatchObject([{ action: 'create', type: 'nvidia-100' }])
    expect(plan.warnings).toMatchObject([{ message: expect.stringContaining('RTX6000P-12Q') }])
  })

  test('a count is the card’s, and is spread over the functions that are its parents, which carry one each', () => {
    const tree = host({ device: '2235', types: ['NVIDIA A40-12Q', 'NVIDIA A40-6Q'], functions: 4 })
    expect(planned(tree, all('{ A40-12Q: 2, A40-6Q: 2 }'))).toEqual([
      '0000:01:00.1 nvidia-100',
      '0000:01:00.2 nvidia-100',
      '0000:01:00.3 nvidia-101',
      '0000:01:00.4 nvidia-101',
    ])
    expect(() => planned(tree, all('{ A40-12Q: 5 }'))).toThrow(/0000:01:00\.0 has no virtual function left/)
  })

  test('what a name says of a GPU instance is left out where the driver’s names do not have it', () => {
    const tree = host({ device: '2bb5', types: ['NVIDIA DC-1-24Q', 'NVIDIA DC-1-24QME'], functions: 2 })
    expect(planned(tree, all('{ DC-1-24QGFX: 1 }'))).toEqual(['0000:01:00.1 nvidia-100'])
    expect(planned(tree, all('{ DC-1-24QME: 1 }'))).toEqual(['0000:01:00.1 nvidia-101'])
    expect(() => planned(tree, all('{ DC-1-24Q: 1, DC-1-24QGFX: 1 }'))).toThrow(/twice/)
  })

  test('a GPU without vGPUs is refused where it is to carry some, and is as it should be where not', () => {
    const tree = host({ device: '128b', class: '0x030000' }, t4)
    expect(() => planned(tree, all('{ T4-4Q: 1 }'))).toThrow(/GPU 0 \(0000:01:00\.0\) offers no vGPUs/)
    expect(planned(tree, all('{}'))).toEqual([])
    expect(() => planned(host(t4), all('{ A40-12Q: 1 }'))).toThrow(/0000:01:00\.0 has no type 'A40-12Q'/)
  })
})
