import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { vfioctl } from './vfioctl.ts'

const folder = mkdtempSync(join(tmpdir(), 'vfioctl-spec-'))
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

describe('spec validate', () => {
  const wrong = file('wrong.yaml', 'version: 1\nparents:\n  - parent: mtty\n    devises: []\n    sriov: some\n')

  test('has each fault on a line, as compilers have them, and exit 2', () => {
    expect(vfioctl(['spec', 'validate', wrong])).toEqual({
      status: 2,
      stdout:
        `${wrong}:4:5: parent 1, devises: is not known here; did you mean devices?\n` +
        `${wrong}:5:5: parent 1, sriov: must be a number of virtual functions, all, or {count, autoprobe}\n`,
      stderr: `vfioctl: ${wrong} has 2 faults\nhint: vfioctl help spec lists the keys; vfioctl spec example shows a file\n`,
    })
  })

  test('has them as JSON', () => {
    const { status, stdout } = vfioctl(['spec', 'validate', wrong, '--json'])
    expect({ status, ...JSON.parse(stdout) }).toMatchObject({
      ...{ status: 2, path: wrong, valid: false, more: false },
      faults: [
        { line: 4, column: 5, place: 'parent 1, devises' },
        { line: 5, column: 5 },
      ],
    })
  })

  test('is what plan names if there are several faults', () => {
    const { status, stderr } = vfioctl(['plan', '--mock', 'demo', wrong])
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(/:4:5: .*\nhint: vfioctl spec validate .*wrong\.yaml shows all 2 faults\n$/s),
    })
  })

  test('reads stdin, and a file without faults is exit 0', () => {
    expect(vfioctl(['spec', 'validate', '-'], { input: 'version: 1\nparents: []\n' })).toMatchObject({
      status: 0,
      stdout: '',
    })
  })

  test.each([
    ['no file', ['validate'], 'spec validate takes a file'],
    ['no such example', ['example', 'ex'], 'there is no example of ex: there are host, bindings, mdev'],
    ['an argument of schema', ['schema', 'x'], 'spec schema takes no argument'],
    ['a label of an example', ['example', '--config', 'a'], '--config is for spec validate'],
  ])('%s is a wrong command line', (_, words, message) => {
    const { status, stdout, stderr } = vfioctl(['spec', ...words])
    expect({ status, stdout, stderr }).toEqual({ status: 2, stdout: '', stderr: expect.stringContaining(message) })
  })
})

test('spec schema prints the file that the package has', () => {
  const { status, stdout } = vfioctl(['spec', 'schema'])
  const shipped = readFileSync(join(import.meta.dirname, '../../dist/spec-1.schema.json'), 'utf8')
  expect({ status, schema: JSON.parse(stdout) }).toEqual({ status: 0, schema: JSON.parse(shipped) })
})

test('spec example prints a file that is valid, and says how it is tried', () => {
  const { stdout } = vfioctl(['spec', 'example', 'xe'])
  const path = file('xe.yaml', stdout)
  expect(vfioctl(['spec', 'validate', path]).status).toBe(0)
  const [, words = ''] = /simulated host: vfioctl (.*)\n/.exec(stdout) ?? []
  expect(vfioctl(words.split(' ').map((word) => (word === 'FILE' ? path : word)))).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('0000:03:00.1'),
  })
})
