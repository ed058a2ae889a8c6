import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { VfioError } from '../../src/base/errors.ts'
import { addonPath, compileLibrary } from './programs.ts'

const folder = mkdtempSync(join(tmpdir(), 'vfioctl-addon-'))
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

describe('host files and plain descriptors', () => {
  it('need no addon', async () => {
    vi.stubEnv('VFIOCTL_ADDON', join(folder, 'none.node'))
    vi.resetModules()
    const { openLinux } = await import('../../src/kernel/linux.ts')
    const kernel = openLinux()
    expect(kernel.files.read('/proc/self/comm')).not.toBe('')
    kernel.close(kernel.open('/dev/null', 'rw'))
    expect(() => kernel.eventfd()).toThrow(expect.objectContaining({ code: 'ADDON_MISSING' }))
  })
})

describe('the addon', () => {
  it('exports what addon.ts declares, and nothing else', async () => {
    const { loadAddon } = await import('../../src/kernel/addon.ts')
    expect(Object.keys(loadAddon()).sort()).toEqual([
      'Mapping',
      'Watch',
      'close',
      'eventfd',
      'ioctl',
      'ioctlAsync',
      'pageFrames',
      'pageSize',
      'pipe',
      'pread',
      'pwrite',
      'read',
      'readWord',
      'tryLock',
      'waitForEventfd',
      'word',
      'write',
      'writeWord',
    ])
  })

  it('knows the page size as getconf does', async () => {
    const { loadAddon } = await import('../../src/kernel/addon.ts')
    expect(loadAddon().pageSize).toBe(Number(spawnSync('getconf', ['PAGESIZE'], { encoding: 'utf8' }).stdout))
  })

  it('is never unmapped, and has no symbols for other libraries to meet', () => {
    const dynamic = spawnSync('readelf', ['-dW', addonPath], { encoding: 'utf8' }).stdout
    expect(dynamic).toMatch(/NODELETE/)
    const symbols = spawnSync('nm', ['-D', '--defined-only', addonPath], { encoding: 'utf8' }).stdout
    expect(symbols).not.toMatch(/vfioctl/)
  })
})
