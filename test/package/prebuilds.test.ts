import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { compileLibrary } from '../native/programs.ts'

const scripts = join(import.meta.dirname, '../../scripts')
const processors = [
  ['x64', 'Advanced Micro Devices X86-64', 'little endian'],
  ['arm64', 'AArch64', 'little endian'],
  ['s390x', 'IBM S/390', 'big endian'],
] as const

const packedNames = execFileSync('tar', ['-tzf', inject('tarball')], { encoding: 'utf8' }).split('\n')
// where cross compilers could not be installed; CI has all
const inCI = !['', 'false', '0'].includes(process.env['CI'] ?? '')

let folder: string
/** The addons of the package, and the same compiled a second time. */
let packed: string
let again: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfioctl-prebuilds-'))
  execFileSync('tar', ['-xzf', inject('tarball'), '-C', folder])
  packed = join(folder, 'package/prebuilds')
  again = join(folder, 'again')
  execFileSync(process.execPath, [join(scripts, 'prebuild.mjs'), again], { stdio: 'inherit' })
}, 600_000)

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function symbolFloor(...addons: readonly string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(process.execPath, [join(scripts, 'symbol-floor.mjs'), ...addons], {
    encoding: 'utf8',
  })
  return { status, stderr }
}

describe.each(processors)('the addon for %s', (arch, machine, order) => {
  const name = `linux-${arch}.node`
  const lacks = !inCI && !packedNames.includes(`package/prebuilds/${name}`)

  test.skipIf(lacks)('is in the package, for that processor, and stripped', () => {
    const header = execFileSync('readelf', ['-hSW', join(packed, name)], { encoding: 'utf8' })
    expect(header).toContain(machine)
    expect(header).toContain(order)
    expect(header).not.toMatch(/\.(symtab|debug_\w+) /)
  })

  test.skipIf(lacks)('needs glibc 2.28 at most, and libraries that Node has loaded already', () => {
    expect(symbolFloor(join(packed, name))).toEqual({ status: 0, stderr: '' })
    const dynamic = execFileSync('readelf', ['-dW', join(packed, name)], { encoding: 'utf8' })
    const libraries = [...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, library = '']) => library)
    expect(libraries.filter((it) => !/^(lib(stdc\+\+|c)\.so\.6|libgcc_s\.so\.1|ld[\w-]*\.so\.\d)$/.test(it))).toEqual(
      [],
    )
  })

  test.skipIf(lacks)('is the same, byte for byte, compiled a second time in another folder', () => {
    expect(readFileSync(join(again, name)).equals(readFileSync(join(packed, name)))).toBe(true)
  })
})

test('a symbol that only newer systems have is found', () => {
  const [addon, library, versions] = [join(folder, 'a.so'), join(folder, 'b.so'), join(folder, 'versions')]
  writeFileSync(versions, 'GLIBC_2.999 { global: of_the_future; };')
  compileLibrary('of-the-future.c', library, ['-DLIBRARY', '-nostdlib', `-Wl,--version-script=${versions}`])
  compileLibrary('of-the-future.c', addon, ['-nostdlib', library])
  const { status, stderr } = symbolFloor(addon)
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining('of_the_future@GLIBC_2.999') })
})
