import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { VfioError } from '../../src/base/errors.ts'
import { refusedByLoader, refusedInExecutable } from '../../src/kernel/addon-file.ts'
import { addonPath, compileLibrary } from './programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'vfioctl-addon-file-'))
afterAll(() => rmSync(folder, { recursive: true }))
afterEach(() => {
  vi.unstubAllEnvs()
  vi.resetModules()
})

async function failureWith(path: string): Promise<VfioError> {
  vi.stubEnv('VFIOCTL_ADDON', path)
  vi.resetModules()
  const { loadAddon } = await import('../../src/kernel/addon.ts')
  try {
    loadAddon()
  } catch (error) {
    return Object(error)
  }
  throw new Error(`${path} was loaded`)
}

describe('the loader', () => {
  it('says what it tried where there is no addon', async () => {
    const path = join(folder, 'none.node')
    expect(await failureWith(path)).toMatchObject({
      name: new VfioError('ADDON_MISSING', '').name,
      code: 'ADDON_MISSING',
      message: expect.stringContaining(`${process.platform}-${process.arch}`),
      hint: expect.stringContaining('npm run build'),
      facts: { platform: process.platform, arch: process.arch, tried: [`${path}: not there`] },
    })
  })

  it('says what the dynamic loader said of a file that is no library', async () => {
    const path = join(folder, 'text.node')
    writeFileSync(path, 'not a library')
    expect(await failureWith(path)).toMatchObject({
      code: 'ADDON_MISSING',
      facts: { tried: [expect.stringMatching(/text\.node: .*invalid ELF header|file too short/)] },
    })
  })

  it('refuses an addon with another surface', async () => {
    const other = join(folder, 'empty.node')
    compileLibrary('empty-addon.c', other)
    expect(await failureWith(other)).toMatchObject({
      facts: { tried: [expect.stringContaining('another version of vfioctl')] },
    })
  })
})

const own = readFileSync(addonPath)
const machineAt = 18

/** The addon, with the number of another processor in its header. */
function addonFor(machine: number, bigEndian: boolean): string {
  const bytes = Buffer.from(own)
  bytes[5] = bigEndian ? 2 : 1
  if (bigEndian) bytes.writeUInt16BE(machine, machineAt)
  else bytes.writeUInt16LE(machine, machineAt)
  const path = join(folder, `of-${machine}.node`)
  writeFileSync(path, bytes)
  return path
}

describe('an addon that cannot be loaded', () => {
  it.each([
    ['s390x', 22, true],
    ['riscv64', 243, false],
    ['processor 4711', 4711, false],
  ])('is for another processor: %s', async (name, machine, bigEndian) => {
    const path = addonFor(machine, bigEndian)
    expect(await failureWith(path)).toMatchObject({
      code: 'ADDON_MISSING',
      message: expect.stringMatching(
        new RegExp(`cannot be loaded: ${path}: it is for ${name}, and this is ${process.arch}$`),
      ),
      hint: expect.stringContaining('install the package again'),
    })
  })

  // the dynamic loader takes each, and the first two end the process with SIGBUS in it
  it.each([0.1, 0.5, 0.99])('is cut short: %f of it is there', async (part) => {
    const path = join(folder, 'short.node')
    copyFileSync(addonPath, path)
    const size = Math.floor(own.length * part)
    truncateSync(path, size)
    expect(await failureWith(path)).toMatchObject({
      message: expect.stringContaining(`short.node: it is cut short: ${size} of ${own.length} bytes`),
      hint: expect.stringContaining('install the package again'),
    })
  })

  it.each([0, 3, 63])('has %i bytes', async (size) => {
    const path = join(folder, 'tiny.node')
    writeFileSync(path, own.subarray(0, size))
    expect(await failureWith(path)).toMatchObject({ message: expect.stringMatching(/tiny\.node: .*file too short/) })
  })

  it('needs a newer glibc', async () => {
    const path = join(folder, 'future.node')
    const library = join(folder, 'libfuture.so')
    const versions = join(folder, 'versions')
    writeFileSync(versions, 'GLIBC_2.999 { global: of_the_future; };')
    const alone = ['-nostdlib', '-Wl,-soname,libc.so.6', `-Wl,--version-script=${versions}`]
    compileLibrary('of-the-future.c', library, ['-DLIBRARY', ...alone])
    compileLibrary('of-the-future.c', path, ['-nostdlib', library])
    expect(await failureWith(path)).toMatchObject({
      message: expect.stringMatching(/it needs GLIBC_2\.999, which this host's libc\.so\.6 lacks \(glibc 2\.\d+\)$/),
      hint: expect.stringContaining('npm run build'),
    })
  })

  it('is for musl', async () => {
    const path = join(folder, 'musl.node')
    const library = join(folder, 'libmusl.so')
    const name = '-Wl,-soname,libc.musl-x86_64.so.1'
    compileLibrary('of-the-future.c', library, ['-DLIBRARY', '-nostdlib', name])
    compileLibrary('of-the-future.c', path, ['-nostdlib', library])
    expect(await failureWith(path)).toMatchObject({
      message: expect.stringContaining('it is for musl, and this Node has glibc 2.'),
    })
  })

  it('is not there, where those of other processors are', async () => {
    const prebuilds = join(folder, 'prebuilds')
    mkdirSync(prebuilds)
    for (const name of ['linux-sparc64.node', 'linux-mips.node', 'notes.txt']) writeFileSync(join(prebuilds, name), '')
    expect(await failureWith(join(prebuilds, 'linux-vax.node'))).toMatchObject({
      message: expect.stringContaining('linux-vax.node: not there; there is one for linux-mips, linux-sparc64'),
    })
  })

  it('is a folder', async () => {
    expect(await failureWith(folder)).toMatchObject({ message: expect.stringContaining('EISDIR') })
  })
})

describe('what the dynamic loader says', () => {
  it('of glibc, on a host with another C library', () => {
    const said = 'Error loading shared library ld-linux-x86-64.so.2: No such file or directory (needed by a.node)'
    expect(refusedByLoader('a.node', said, null)).toMatchObject({
      reason: `it needs glibc, and this Node has another C library (musl?): ${said}`,
      hint: expect.stringContaining('built for glibc'),
    })
  })

  it('of a C++ library that is too old', () => {
    const said = "/lib64/libstdc++.so.6: version `GLIBCXX_3.4.26' not found (required by a.node)"
    expect(refusedByLoader('a.node', said, '2.17')).toMatchObject({
      reason: "it needs GLIBCXX_3.4.26, which this host's libstdc++.so.6 lacks (glibc 2.17)",
    })
  })

  it('of a file system without the right to execute', () => {
    const said = 'a.node: failed to map segment from shared object'
    expect(refusedByLoader('/data/a.node', said, '2.36')).toMatchObject({
      reason: `it may not be executed: ${said}`,
      hint: expect.stringContaining('findmnt -T /data/a.node'),
    })
  })

  it.each([
    ['the kernel gave no memory file to load it from: vm.memfd_noexec is 2', 'sysctl vm.memfd_noexec=1'],
    ['/proc/self/fd/3: failed to map segment from shared object', 'security module'],
    ["ENOENT: no such file or directory, scandir '/proc/self/fd'", 'mount -t proc proc /proc'],
    ['EIO: i/o error, write', 'copy the executable here again'],
  ])('of the single executable’s own, without a word of checkouts or file systems: %s', (said, hint) => {
    const refusal = refusedInExecutable('/usr/bin/vfioctl', said, '2.36')
    expect(refusal).toMatchObject({ reason: expect.stringContaining(said), hint: expect.stringContaining(hint) })
    expect(refusal.hint).not.toMatch(/npm run build|findmnt/)
  })
})
