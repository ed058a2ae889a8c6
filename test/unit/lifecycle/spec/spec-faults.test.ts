import { expect, test } from 'vitest'
import { printable } from '../../../../src/base/units.ts'
import { checkSpec } from '../../../../src/lifecycle/spec/check-spec.ts'
import { specSchema } from '../../../../src/lifecycle/spec/spec-schema.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** A file whose first lines are `version: 1` and `parents:`, and whose parent has these lines, the first at 4:5. */
const parent = (...lines: string[]) => ['version: 1', 'parents:', '  - parent: mtty', ...lines.map((it) => `    ${it}`)]
/** The same with one entry of `devices`, at 5:9 with its first key. */
const device = (entry: string) => parent('devices:', `  - { ${entry} }`)
/** A file with one binding, at 3:7 with its first key. */
const binding = (entry: string) => ['version: 1', 'bindings:', `  - { ${entry} }`]

/** Each wrong file with all of its faults: place in the file, and a part of the sentence. */
const wrong: Readonly<Record<string, readonly [lines: readonly string[], ...faults: string[]]>> = {
  'nothing in it': [[''], '1:1 is empty'],
  'text alone': [['hello'], '1:1 must be an object, not "hello"'],
  'a list': [['- version: 1'], '1:1 must be an object, not a list'],
  'no version, and nothing wanted': [['{}'], '1:1 is missing'],
  'a version alone': [['version: 1'], '1:1 must have parents or bindings'],
  'another version': [['version: 2', 'parents: []'], '1:1 must be 1, not 2'],
  'a version in quotes': [['version: "1"', 'parents: []'], '1:1 must be 1, not "1"'],
  'two words misspelt': [
    ['version: 1', 'parnets: []', 'bindngs: []'],
    '2:1 did you mean parents?',
    '3:1 did you mean bindings?',
  ],
  'a key twice': [['version: 1', 'version: 1'], "2:1 the key 'version' is listed twice"],
  'parents that are none': [['version: 1', 'parents:'], '2:1 must be a list'],
  'parents as an object': [['version: 1', 'parents: { mtty: [] }'], '2:1 must be a list'],
  'a parent without a name': [['version: 1', 'parents:', '  - devices: []'], '3:5 is missing'],
  'a parent that YAML reads as a number': [
    ['version: 1', 'parents:', '  - parent: 41'],
    '3:5 must be a PCI address or name',
  ],
  'an empty list of parents': [['version: 1', 'parents:', '  - parent: []'], '3:5 must be a PCI address or name'],
  'a vendor that YAML reads as a number': [
    ['version: 1', 'parents:', '  - parent: { vendor: 8086 }'],
    '3:15 must be four hex digits in quotes',
  ],
  'a list of parents with a number in it': [
    ['version: 1', 'parents:', '  - parent: [mtty, 5]'],
    '3:20 must be text, not 5',
  ],
  'a type in a list of types that is none': [device('type: [a, 5]'), '5:21 must be text, not 5'],
  'devices one level too high': [
    ['version: 1', 'parents:', '  - parent: mtty', 'devices: []'],
    '4:1 is not known here: version, bindings, parents are',
  ],
  'devices as an object': [parent('devices: { type: a }'), '4:5 must be a list'],
  'a device without a type': [device('count: 1'), '5:9 must have a type'],
  'a device that is text': [parent('devices: [mtty-2]'), '4:15 must be an object'],
  'an empty type': [device('type: ""'), '5:11 must name a type'],
  'a count below 0': [device('type: a, count: -1'), '5:20 must be at least 0, not -1'],
  'a count that is no whole number': [device('type: a, count: 1.5'), '5:20 must be a whole number, not 1.5'],
  'a count in words': [device('type: a, count: two'), '5:20 must be a number, not "two"'],
  'a count above all': [device('type: a, count: 100000'), '5:20 must be at most 65536'],
  'a UUID cut off': [device('type: a, uuid: 83b8f4f2'), '5:20 must be a UUID'],
  'a UUID and a count': [device(`type: a, uuid: ${uuid}, count: 2`), '5:9 uuid, function and count exclude each other'],
  'a UUID twice, and another twice': [
    parent('devices:', ...[uuid, uuid, uuid].map((it) => `  - { type: a, uuid: ${it} }`)),
    '6:20 is listed twice',
    '7:20 is listed twice',
  ],
  'autostart in words': [device('type: a, autostart: yes'), '5:20 must be true or false, not "yes"'],
  'attributes as an object': [device('type: a, attributes: { x: 1 }'), '5:20 must be a list'],
  'an attribute with two names': [device('type: a, attributes: [{ x: 1, y: 2 }]'), '5:33 must have one name'],
  'an attribute whose digits YAML changes': [
    device('type: a, attributes: [{ mask: 0x00ff00000000000000 }]'),
    '5:35 must stand in quotes',
  ],
  'a mode without quotes': [device('type: a, owner: { mode: 0660 }'), '5:29 must be octal digits in quotes'],
  'an owner of nothing': [device('type: a, owner: {}'), '5:20 must say user, group or mode'],
  'shares without a unit, and a time too long': [
    device('vram: 8, quantum: 200s'),
    '5:11 must be a size such as 8GiB',
    '5:20 must be a time such as 10ms',
  ],
  'a driver for no function': [device('type: a, driver: vfio-pci'), '5:9 driver goes with function'],
  'virtual functions in words': [parent('sriov: some'), '4:5 must be a number of virtual functions, all, or'],
  'autoprobe in a word of YAML 1.1': [
    parent('sriov: { count: 4, autoprobe: off }'),
    '4:24 must be true or false, not "off"',
  ],
  'a number of functions in words, beside autoprobe': [
    parent('sriov: { count: some, autoprobe: false }'),
    '4:14 must be a number of virtual functions, or all',
  ],
  'autoprobe misspelt': [parent('sriov: { count: 4, autoprob: false }'), '4:24 did you mean autoprobe?'],
  'functions of a card as a range': [
    binding('device: { card: 81:00.0, virtfn: "0-1" }'),
    '3:32 must be a number from 0 on, or a list of such',
  ],
  'functions of nothing': [binding('device: { virtfn: 1 }'), '3:7 {vendor, device} or {card, virtfn}'],
  'MIG without functions': [parent('mig: [{ profile: 1g.24gb }]'), '3:5 need sriov: all beside them'],
  'a MIG profile that is none': [
    parent('sriov: all', 'mig: [{ profile: huge, count: 0 }]'),
    '5:13 must be',
    '5:28 must be at least 1',
  ],
  'others that are neither kept nor removed': [
    parent('others: delete'),
    '4:5 must be "keep" or "remove", not "delete"',
  ],
  'a binding without a device': [binding('driver: vfio-pci'), '3:5 is missing'],
  'a driver that is no name': [binding('device: 00:1f.3, driver: ../x'), '3:24 must be the name of a driver'],
  'three wrong words in one binding': [
    binding('device: 00:1f.3, drvier: a, powr: on, bras: {}'),
    '3:24 did you mean driver?',
    '3:35 did you mean power?',
    '3:45 did you mean bars?',
  ],
  'a BAR that no device has': [binding('device: 00:1f.3, bars: { 9: 8GiB }'), '3:32 must be the index of a BAR'],
  'a tab': [['version: 1', 'parents:', '\t- parent: mtty'], '3:1 a tab indents this line'],
  'a value that needs quotes': [['version: 1', 'parents:', '  - parent: @x'], '3:13 has to stand in quotes'],
  'two documents': [['version: 1', '---', 'version: 1'], '2:1 a second document begins here'],
  'a bracket left open': [['version: 1', 'parents: [{ parent: a'], '2:'],
}

test.each(Object.entries(wrong))(
  'a file with %s: all that is wrong, with line and column',
  (_, [lines, ...expected]) => {
    const faults = checkSpec(lines.join('\n')).faults.map(({ line, column, what }) => `${line}:${column} ${what}`)
    expect(faults, faults.join('; ')).toHaveLength(expected.length)
    for (const [index, words] of expected.entries()) {
      const [place = '', ...sentence] = words.split(' ')
      expect(faults[index]).toMatch(new RegExp(`^${place}`))
      expect(faults[index]).toContain(sentence.join(' '))
    }
  },
)

test('there are more than forty of them', () => {
  expect(Object.keys(wrong).length).toBeGreaterThan(40)
})

test('of ten thousand devices with four faults each the first hundred are told, in their order', () => {
  const entry = '      - { typ: mtty-2, cuont: 3, uuid: no, autostart: 7 }\n'
  const text = `version: 1\nparents:\n  - parent: mtty\n    devices:\n${entry.repeat(10_000)}`
  const { faults, more } = checkSpec(text)
  expect([faults.length, more]).toEqual([100, true])
  const lines = faults.map(({ line }) => line ?? 0)
  expect(lines).toEqual(lines.toSorted((one, other) => one - other))
})

test('a file of NVIDIA’s tool tells all of its faults too', () => {
  const text = `version: v1\nvgpu-configs:\n  a:\n    - devices: some\n      vgpu-devices: { A40-12Q: 0 }\n      gpus: 1\n`
  expect(checkSpec(text).faults.map(({ line }) => line)).toEqual([4, 5, 6])
})

test('a right file has none', () => {
  expect(checkSpec(parent('devices: [{ type: mtty-2 }]').join('\n'))).toEqual({ valid: true, faults: [], more: false })
})

test('no sentence of the schema is cut before its end', () => {
  const found = new Set<string>()
  const seen = new Set<object>()
  const walk = (part: unknown): void => {
    if (typeof part !== 'object' || part === null || seen.has(part)) return
    seen.add(part)
    if ('message' in part && typeof part.message === 'string') found.add(part.message)
    for (const [key, value] of Object.entries(part)) if (key !== '~standard') walk(value)
  }
  walk(specSchema)
  expect(found.size).toBeGreaterThan(20)
  expect([...found].filter((sentence) => printable(sentence) !== sentence)).toEqual([])
})
