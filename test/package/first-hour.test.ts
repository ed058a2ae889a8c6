import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeBlocks } from '../readme.ts'
import { createProject, type EmptyProject } from './empty-project.ts'
import { majors, nodeOf } from './nodes.ts'

const root = join(import.meta.dirname, '../..')
const [library = '', mock = '', model = '', faults = ''] = codeBlocks('ts')
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

let project: EmptyProject

beforeAll(() => {
  const destination = mkdtempSync(join(tmpdir(), 'vfioctl-pack-'))
  const packing = [join(root, 'scripts/pack.mjs'), destination]
  const tarball = execFileSync(process.execPath, packing, { encoding: 'utf8' }).trim().split('\n').at(-1) ?? ''
  project = createProject(tarball)
  rmSync(destination, { recursive: true })
  for (const major of majors) nodeOf(major)
}, 300_000)

afterAll(() => project?.remove())

describe.each(['with the addon', 'without the addon'] as const)('a user’s first hour %s', (variant) => {
  beforeAll(() => {
    if (variant === 'without the addon') project.removeAddon()
  })

  test.each(majors)('on Node %i the README’s examples of tests pass in an empty project', (major) => {
    project.write('mock.test.ts', mock)
    project.write('model.test.ts', model)
    project.write('faults.test.ts', faults)
    const { status, stdout, stderr } = project.run(nodeOf(major), ['node_modules/vitest/vitest.mjs', 'run'])
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(/Tests +3 passed/)
  })

  test.each(majors)('on Node %i the program shows the mock host', (major) => {
    const list = project.run(nodeOf(major), [bin(), 'list', '--mock', '--json'])
    expect(list).toMatchObject({ status: 0, stderr: '' })
    expect(JSON.parse(list.stdout)).toBeTypeOf('object')
  })

  test('on Node 24 the README’s library example runs as it stands', () => {
    project.write('library.ts', library)
    const { status, stdout } = project.run(nodeOf(24), ['--no-warnings', 'library.ts'])
    expect(status).toBe(0)
    expect(stdout).toBe('32534348\nhello\n{ vector: 0, count: 1 }\n')
  })

  test.each(majors)(
    'on Node %i a definition, whose lock needs the addon, is written or the addon is asked for',
    (major) => {
      project.write('host/etc/empty', '')
      project.write('host/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/available_instances', '12\n')
      const args = ['define', '--root', join(project.folder, 'host'), '-u', uuid, '-p', 'mtty', '-t', 'mtty-2']
      const { status, stderr } = project.run(nodeOf(major), [bin(), ...args])
      rmSync(join(project.folder, 'host'), { recursive: true })
      const [expected, said] = variant === 'with the addon' ? [0, `defined ${uuid}`] : [1, 'the native addon for']
      expect({ status, stderr }).toEqual({ status: expected, stderr: expect.stringContaining(said) })
    },
  )
})

function bin(): string {
  return join(project.folder, 'node_modules/.bin/vfioctl')
}
