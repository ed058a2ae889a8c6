import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { codeBlocks } from '../readme.ts'
import { createProject, type EmptyProject } from './empty-project.ts'
import { majors, nodeOf } from './nodes.ts'

const [library = '', , spec = '', mock = '', model = '', faults = ''] = codeBlocks('ts')
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

let project: EmptyProject

beforeAll(() => {
  project = createProject(inject('tarball'))
  for (const major of majors) nodeOf(major)
}, 300_000)

afterAll(() => project?.remove())

const compiled = { status: 0, stdout: '' }

function compile(folder: string, options: object): { status: number | null; stdout: string } {
  const strict = { strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, noEmit: true }
  const compilerOptions = { ...strict, target: 'es2022', module: 'nodenext', ...options }
  project.write(`${folder}/tsconfig.json`, JSON.stringify({ compilerOptions }))
  const tsc = join(import.meta.dirname, '../../node_modules/typescript/bin/tsc')
  const { status, stdout } = project.run(process.execPath, [tsc, '-p', folder])
  return { status, stdout }
}

describe('the package’s types', () => {
  test('compile strictly, themselves checked too, with neither Node’s types nor the DOM’s in scope', () => {
    project.write(
      'types/index.ts',
      [
        "import { type Host, openHost, type VfioError } from 'vfioctl'",
        "import { createMockHost, MdevModel } from 'vfioctl/mock'",
        'export class Model extends MdevModel {}',
        "export const hosts: readonly Host[] = [openHost(), createMockHost('demo').host()]",
        'export const codeOf = (error: VfioError): string => error.code',
        'export async function end(): Promise<void> {',
        '  for (const host of hosts) await host.close()',
        '}',
      ].join('\n'),
    )
    expect(compile('types', { lib: ['es2022'], types: [], skipLibCheck: false })).toEqual(compiled)
  })

  test('fit every example of the README', () => {
    for (const [i, block] of [library, spec, mock, model, faults].entries()) project.write(`examples/${i}.ts`, block)
    // vitest's own types are not ours to check
    expect(compile('examples', { lib: ['esnext', 'dom'], types: [], skipLibCheck: true })).toEqual(compiled)
  })
})

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

  test('on Node 24 the README’s spec is planned and applied from code', () => {
    project.write('spec.ts', spec)
    const { status, stdout } = project.run(nodeOf(24), ['--no-warnings', 'spec.ts'])
    expect(status).toBe(0)
    expect(stdout.trimEnd().split('\n').at(-1)).toBe('2 0')
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
