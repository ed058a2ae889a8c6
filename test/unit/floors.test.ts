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
    ['kinds/card-function'],
    ['kinds/nvidia-vgpu'],
    ['kinds/xe-vf'],
    ['kinds'],
    ['in-use', 'guest', 'early'],
    ['bindings'],
    ['sriov'],
    ['gpu-modes'],
    ['recovery'],
    ['spec'],
    ['plan'],
    ['restore', 'boot', 'watch', 'export'],
    ['doctor/reading'],
    ['doctor/findings'],
    ['doctor'],
    ['capture'],
  ],
  vfio: [
    ['calls'],
    ['registers', 'irq', 'config-space'],
    ['region', 'address-space'],
    ['iova', 'group'],
    ['dma', 'iommu', 'pci', 'ccw', 'features'],
    ['program'],
    [''],
  ],
  cli: [['io'], ['command'], ['arguments'], ['output', 'device'], ['commands', 'parser'], ['mdevctl'], ['']],
  mock: [
    ['base'],
    ['scenario', 'descriptors'],
    ['shipped', 'state', 'memory'],
    ['process', 'sdk', 'recorded'],
    ['devices', 'vfio-pci'],
    ['machine'],
    ['pci', 's390', 'platform'],
    ['mdev', 'iommufd'],
    ['vfio'],
    ['files', 'uevents', 'programs'],
    ['kernel'],
    ['controls'],
  ],
}
/** Only these may name the simulated kernel; the rest of the house does not know which kernel it has. */
const knowTheMock = ['mock', 'cli', 'index.ts', 'open-host.ts', 'mock.ts', 'mock-host.ts']

/** Files of the command line that work below `Host`. */
const belowHost = [
  // mdevctl's words are for mediated devices alone, with what mdevctl's scripts are told
  'cli/mdevctl/',
  // somebody waits at each Tab: it reads what it offers, and no more
  'cli/completion.ts',
]
/** Names that the rest of it takes from below `Host` nevertheless, by file. */
const takenFromBelow: Readonly<Record<string, readonly string[]>> = {
  // a host is opened as openHost does it, with its kernel loaded when it is asked for
  'host/check-host.ts': ['checkHost'],

  // names as people type them, in the form that Host takes
  'host/bus/bus-device.ts': ['checkOnBus', 'devicePath', 'otherBusDevice', 'parseBusDevice', 'shownDevice'],
  'host/device-name.ts': ['deviceName', 'deviceNameForms', 'deviceNameOrNull', 'pciDevicesNamed'],
  'lifecycle/device/type-named.ts': ['isTypeNamed'],
  'lifecycle/device/gpu-shares.ts': ['quantumOrNull', 'sharePriorities', 'sharesOrNull', 'timeoutOrNull', 'vramOrNull'],
  'lifecycle/kinds/named-device.ts': ['checkNamesAreThere', 'namedDevice', 'namedParent'],

  // files of the caller
  'lifecycle/definition/definition.ts': ['parseDefinition'],
  'lifecycle/spec/parse-spec.ts': ['largestSpec'],
  'lifecycle/spec/check-spec.ts': ['checkSpec'],
  'lifecycle/spec/spec-schema.ts': ['specSchema'],

  // words and numbers for texts, of what Host has answered
  'host/amd-gim.ts': ['gimDriver'],
  'host/bus/bus.ts': ['busNamed'],
  'host/device-users.ts': ['shownUsers'],
  'lifecycle/bindings/wanted-driver.ts': ['givesToVfio', 'noDriver'],
  'lifecycle/kinds/plannings.ts': ['planningOf'],
  'lifecycle/restore/restore.ts': ['defaultTimeoutMs'],
  'lifecycle/settings/gpu-modes.ts': ['modesInWords'],
  'lifecycle/settings/pci-settings.ts': ['resetMethodNames'],
  'lifecycle/wanted/plan.ts': ['isDone', 'isPlannedDevice', 'itemName', 'itemsOf', 'losses'],

  // the exit status of a plan that is only shown
  'lifecycle/plan/room.ts': ['checkRoom'],

  // warnings beside an answer: vendors' scripts that a dry run does not ask, what keeps VFIO from a bound device,
  // and the card of a function, by which types are put together
  'lifecycle/callouts/scripts-not-asked.ts': ['sayScriptsAreNotAsked'],
  'host/group-members.ts': ['foreignMembers', 'groupMembers', 'iommuGroup'],
  'host/interrupt-isolation.ts': ['unsafeInterrupts'],
  'host/sysfs/readable.ts': ['listOrNone', 'readOrEmpty'],
  'host/sriov.ts': ['physicalFunctionOf'],
  'lifecycle/device/parents.ts': ['cardOf'],
}

interface Import {
  readonly from: string
  readonly to: string
  /** Loaded only when it is needed: `import('./x.ts')`. */
  readonly isLazy: boolean
}

function sources(): { from: string; text: string }[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((from) => ({ from, text: readFileSync(join(source, from), 'utf8') }))
}

function imports(): Import[] {
  return sources().flatMap(({ from, text }) => {
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

test('a kind of virtual device is known by its rows alone', () => {
  const inKind = (file: string) => /^lifecycle\/kinds\/([^/]+)\//.exec(file)?.[1]
  const rows = ['lifecycle/kinds/kinds.ts', 'lifecycle/kinds/plannings.ts']
  const byName = imports().filter(({ from, to }) => {
    return (
      inKind(to) !== undefined && inKind(from) === undefined && folderOf(from) === 'lifecycle' && !rows.includes(from)
    )
  })
  expect(byName).toEqual([])
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

test('the command line is a client of Host: what it takes from below is named', () => {
  const taken = valueImports().filter(({ from, to }) => {
    return folderOf(from) === 'cli' && ['host', 'lifecycle', 'vfio'].includes(folderOf(to)) && !worksBelow(from)
  })
  expect(taken.filter(({ to, name }) => takenFromBelow[to]?.includes(name) !== true)).toEqual([])
  const listed = Object.entries(takenFromBelow).flatMap(([to, names]) => names.map((name) => ({ to, name })))
  const isTaken = (it: (typeof listed)[number]) => taken.some(({ to, name }) => to === it.to && name === it.name)
  expect(listed.filter((it) => !isTaken(it))).toEqual([])
})

function worksBelow(file: string): boolean {
  return belowHost.some((place) => file.startsWith(place))
}

interface ValueImport {
  readonly from: string
  readonly to: string
  /** '*' for a file as a whole, loaded when it is needed. */
  readonly name: string
}

/** Imports of values, not of types. */
function valueImports(): ValueImport[] {
  return sources().flatMap(({ from, text }) => {
    const named = text.matchAll(/^(?:im|ex)port (?!type\b)([^'()]*) from '(\.[^']+)'|import\('(\.[^']+)'\)/gm)
    return [...named].flatMap(([, names = '*', path, lazy = '']) => {
      const to = relative(source, join(source, dirname(from), path ?? lazy))
      return names
        .replace(/[{}]/g, '')
        .split(',')
        .map((name) => name.trim().replace(/ as .*/, ''))
        .filter((name) => name !== '' && !name.startsWith('type '))
        .map((name) => ({ from, to, name }))
    })
  })
}
