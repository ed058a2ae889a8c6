import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Capture } from '../../../../src/host-capture.ts'
import { openHost } from '../../../../src/index.ts'
import { readScenario } from '../../../../src/mock/scenario/read-scenario.ts'
import type { Scenario } from '../../../../src/mock.ts'
import { expectAnswers, spoilt } from '../../hostile.ts'

const edu = '0000:00:1f.6'

async function captured(): Promise<Capture> {
  await using host = openHost({ mock: 'demo' })
  await host.bind({ device: edu })
  return await host.capture({ devices: [edu] })
}

const { scenario } = await captured()
const { recorded } = scenario
const paths = Object.keys(recorded.files)

/** Reads a host from a file's text, and asks it all that answers at once. */
function readAll(text: string): unknown {
  const host = openHost({ mock: readScenario(text, 'captured.json') })
  return [host.groups(), host.list(), host.types(), host.physicalFunctions()]
}

const fault = (change: object): unknown => {
  try {
    return readScenario(JSON.stringify({ ...scenario, recorded: { ...recorded, ...change } }), 'captured.json')
  } catch (error) {
    return error
  }
}

test('a capture that somebody has spoilt is answered in words, or read', () => {
  const outcomes = expectAnswers(spoilt(JSON.stringify(scenario)), readAll)
  expect(outcomes.errors).toBeGreaterThan(0)
})

const error = fc.constantFrom(['EACCES', 13, 'open'], ['EIO', 5, 'read'], ['ESRCH', 3, 'open'], ['ELOOP', 40, 'lstat'])
const target = fc.constantFrom(
  '.',
  '..',
  '../..',
  '/',
  '../../../devices/pci0000:00',
  '/sys/bus',
  'a'.repeat(4000),
  ...paths,
)
const entry = fc.oneof(
  fc.string(),
  fc.constantFrom('', '\n', '0x8086\n', '-1\n', '99999999999999999999\n'),
  fc.record({ kind: fc.constant('symlink'), target }),
  fc.record({ kind: fc.constantFrom('file', 'directory', 'unknown', 'device', 'other'), error }),
  fc.record({ kind: fc.constantFrom('file', 'directory', 'device'), listed: fc.constant(true) }),
)
/** A file or a few of it are something else: also where a folder or a link is expected. */
const changed = fc.dictionary(fc.constantFrom(...paths), entry, { maxKeys: 6 }).map((others) => {
  return JSON.stringify({ ...scenario, recorded: { ...recorded, files: { ...recorded.files, ...others } } })
})

test('files that make no sense are warnings, or an error in words', () => {
  const outcomes = expectAnswers(changed, readAll)
  expect(outcomes.values).toBeGreaterThan(0)
  expect(outcomes.errors).toBeGreaterThan(0)
})

test('answers of VFIO that make no sense are an error in words', async () => {
  const [device] = recorded.devices
  const calls = device?.files.flatMap((file) => file.calls.map((_, index) => ({ file, index }))) ?? []
  const bytes = fc.oneof(fc.constant(''), fc.constant('ff'.repeat(16)), fc.constant('00'.repeat(200)))
  const spoiltCall = fc.record({
    at: fc.constantFrom(...calls),
    answer: bytes,
    result: fc.constantFrom(-1, 0, 1, 2 ** 31),
  })
  await fc.assert(
    fc.asyncProperty(spoiltCall, async ({ at, answer, result }) => {
      const files = device?.files.map((file) => ({
        ...file,
        calls: file.calls.map((call, index) =>
          file === at.file && index === at.index ? { ...call, answer, result } : call,
        ),
      }))
      const text = JSON.stringify({ ...scenario, recorded: { ...recorded, devices: [{ ...device, files }] } })
      await using host = openHost({ mock: readScenario(text, 'captured.json') })
      await host.inspect(edu).catch((failure: unknown) => expect(failure).toMatchObject({ name: 'VfioError' }))
    }),
    { numRuns: 100 },
  )
})

describe('a file is refused', () => {
  const invalid = (what: RegExp) =>
    expect.objectContaining({ code: 'INVALID_DEFINITION', message: expect.stringMatching(what) })

  test.each<readonly [object, RegExp]>([
    [{ files: { 'sys/bus': 'x' } }, /an absolute path/],
    [{ files: { '/sys/../etc/passwd': 'x' } }, /a path without/],
    [{ files: { '/sys/bus': 'x' } }, /after the folder/],
    [{ files: { '/sys': 'text', '/sys/bus': 'x' } }, /after the folder/],
    [{ files: { '/a': { kind: 'unknown' } } }, /the error/],
    [{ files: { '/a': { kind: 'file', target: 'b' } } }, /a target of a symlink alone/],
    [{ files: { '/a': { kind: 'fifo' } } }, /must be/],
    [{ files: { '/a': { kind: 'file', error: ['EACCES', -13, 'open'] } } }, /a.error.1: must be at least 0/],
    [{ devices: [{ name: 'x', files: [{ file: '/dev/vfio/1', calls: [], bytes: [{ at: 0, hex: '0' }] }] }] }, /hex/],
    [{ uid: -1 }, /uid/],
    [{ byteOrder: 'middle' }, /byteOrder/],
    [{ pageSize: 5 }, /pageSize/],
  ])('%j', (change, what) => {
    expect(fault(change)).toEqual(invalid(what))
  })

  test('that simulates something beside', () => {
    const both: Scenario = { ...scenario, modules: { vfio: {} } }
    expect(() => readScenario(JSON.stringify(both), 'both.json')).toThrow(/no pci, parents, modules and disk/)
  })
})

test('a folder with hundreds of links into itself ends', () => {
  const links = Object.fromEntries(
    Array.from({ length: 300 }, (_, index) => [`/sys/l${index}`, { kind: 'symlink', target: `l${(index + 1) % 300}` }]),
  )
  const looped = {
    ...scenario,
    recorded: { ...recorded, files: { '/sys': { kind: 'directory', listed: true }, ...links } },
  }
  const { files } = openHost({ mock: readScenario(JSON.stringify(looped), 'x.json') }).kernel
  expect(() => files.list('/sys/l0')).toThrow(expect.objectContaining({ code: 'ELOOP' }))
})

test('a device of another byte order is not opened', async () => {
  const other = {
    ...scenario,
    recorded: { ...recorded, byteOrder: recorded.byteOrder === 'little' ? 'big' : 'little' } as const,
  }
  await using host = openHost({ mock: other })
  await expect(host.inspect(edu)).rejects.toMatchObject({ code: 'NOT_SUPPORTED', message: /byte order/ })
})
