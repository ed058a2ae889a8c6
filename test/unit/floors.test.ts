import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const source = join(import.meta.dirname, '../../src')

/**
 * The floors of src/, lowest first; folders of one floor do not know each other. A file imports from its own folder and the
 * floors below; the doors, from everywhere.
 */
const floors = [['base'], ['uapi'], ['kernel'], ['host', 'mock'], ['vfio', 'lifecycle'], ['cli']]
const folders = floors.flat()
/** The folders inside a floor, likewise. */
const innerFloors: Readonly<Record<string, readonly (readonly string[])[]>> = {
  lifecycle: [
    ['change'],
    ['files'],
    ['definition', 'settings'],
    ['device'],
    ['callouts'],
    ['wanted'],
    ['kinds/mdev'],
    ['kinds/nvidia-vgpu'],
    ['kinds'],
    ['in-use'],
    ['bindings'],
    ['sriov'],
    ['spec'],
    ['plan'],
    ['restore', 'boot', 'watch'],
  ],
  vfio: [
    ['calls'],
    ['registers', 'irq', 'config-space'],
    ['region', 'address-space'],
    ['iova', 'group'],
    ['dma', 'iommu', 'pci', 'features'],
    [''],
  ],
  cli: [['io'], ['command'], ['arguments'], ['output', 'device'], ['commands', 'parser'], ['mdevctl'], ['']],
  mock: [
    ['base'],
    ['scenario', 'descriptors'],
    ['shipped', 'state', 'memory'],
    ['process', 'sdk'],
    ['devices', 'vfio-pci'],
    ['machine'],
    ['pci', 's390'],
    ['mdev', 'iommufd'],
    ['vfio'],
    ['files', 'uevents', 'programs'],
    ['kernel'],
    ['controls'],
  ],
}
/** Only these may name the simulated kernel; the rest of the house does not know which kernel it has. */
const knowTheMock = ['mock', 'cli', 'index.ts', 'open-host.ts', 'mock.ts', 'mock-host.ts']

interface Import {
  readonly from: string
  readonly to: string
  /** Loaded only when it is needed: `import('./x.ts')`. */
  readonly isLazy: boolean
}

function imports(): Import[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((from) => {
      const text = readFileSync(join(source, from), 'utf8')
      return [...text.matchAll(/(from|import\()\s*'(\.[^']+)'/g)].map(([, how, path = '']) => {
        return { from, to: relative(source, join(source, dirname(from), path)), isLazy: how !== 'from' }
      })
    })
}

function folderOf(file: string): string {
  return file.split('/')[0] ?? file
}

test('every folder of src is a floor', () => {
  const there = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(there.map(({ name }) => name).sort()).toEqual(folders.toSorted())
})

test('imports go down the floors', () => {
  const levelOf = (file: string) => floors.findIndex((level) => level.includes(folderOf(file)))
  const notDown = imports().filter(({ from, to }) => {
    const [upper, lower] = [levelOf(from), levelOf(to)]
    return upper !== -1 && lower !== -1 && folderOf(from) !== folderOf(to) && lower >= upper
  })
  expect(notDown).toEqual([])
})

test.each(Object.entries(innerFloors))('inside %s too', (floor, levels) => {
  // the table of commands loads each when it is named
  const inner = imports().filter(({ from, to, isLazy }) => {
    return folderOf(from) === floor && folderOf(to) === floor && !isLazy
  })
  const placeOf = (file: string) => dirname(file).slice(floor.length + 1)
  const levelOf = (file: string) => levels.findIndex((level) => level.includes(placeOf(file)))
  expect(inner.filter(({ from, to }) => levelOf(from) === -1 || levelOf(to) === -1)).toEqual([])
  expect(inner.filter(({ from, to }) => placeOf(from) !== placeOf(to) && levelOf(from) <= levelOf(to))).toEqual([])
})

test('no file comes back to itself by what it imports, types included', () => {
  const below = new Map<string, string[]>()
  for (const { from, to, isLazy } of imports()) if (!isLazy) below.set(from, [...(below.get(from) ?? []), to])
  // what imports nothing that is left can be in no circle
  for (let left = -1; left !== below.size; ) {
    left = below.size
    for (const [file, its] of below) if (its.every((to) => !below.has(to))) below.delete(file)
  }
  expect([...below.keys()]).toEqual([])
})

test('a floor does not import the doors', () => {
  const doors = imports().filter(({ from, to }) => {
    return folders.includes(folderOf(from)) && !to.includes('/') && folderOf(from) !== 'cli'
  })
  expect(doors).toEqual([])
})

test('only the doors and the command line know that there is a mock', () => {
  const knowing = imports().filter(({ from, to }) => folderOf(to) === 'mock' && !knowTheMock.includes(folderOf(from)))
  expect(knowing).toEqual([])
})
