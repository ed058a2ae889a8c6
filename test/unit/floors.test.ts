import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { expect, test } from 'vitest'

const source = join(import.meta.dirname, '../../src')

/** The floors of src/, lowest first. A file imports from its own floor and those below; the doors, from everywhere. */
const floors = ['uapi', 'kernel', 'mock', 'vfio', 'host', 'lifecycle', 'cli']
/** Beside the floors: what every floor may use. */
const foundation = ['errors.ts', 'schema-fault.ts', 'units.ts']
/** Only these may name the simulated kernel; the rest of the house does not know which kernel it has. */
const knowTheMock = ['mock', 'cli', 'open-host.ts', 'mock.ts']

interface Import {
  readonly from: string
  readonly to: string
}

function imports(): Import[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((from) => {
      const text = readFileSync(join(source, from), 'utf8')
      const relativePaths = [...text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) => path ?? '')
      return relativePaths.map((path) => ({ from, to: relative(source, join(source, dirname(from), path)) }))
    })
}

function floorOf(file: string): string {
  return file.split('/')[0] ?? file
}

test('every folder of src is a floor', () => {
  const folders = readdirSync(source, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(folders.map(({ name }) => name).sort()).toEqual(floors.toSorted())
})

test('imports go down the floors', () => {
  const upwards = imports().filter(({ from, to }) => {
    const [lower, upper] = [floors.indexOf(floorOf(to)), floors.indexOf(floorOf(from))]
    return upper !== -1 && lower > upper
  })
  expect(upwards).toEqual([])
})

test('a floor does not import the doors', () => {
  const doors = imports().filter(({ from, to }) => {
    return floors.includes(floorOf(from)) && !to.includes('/') && !foundation.includes(to) && floorOf(from) !== 'cli'
  })
  expect(doors).toEqual([])
})

test('only the doors and the command line know that there is a mock', () => {
  const knowing = imports().filter(({ from, to }) => floorOf(to) === 'mock' && !knowTheMock.includes(floorOf(from)))
  expect(knowing).toEqual([])
})
