import { spawnSync } from 'node:child_process'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { addonPath } from './programs.ts'

afterEach(() => {
  vi.unstubAllEnvs()
  vi.resetModules()
})

describe('host files and plain descriptors', () => {
  it('need no addon', async () => {
    vi.stubEnv('VFIOCTL_ADDON', '/nonexistent/none.node')
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
      'accept',
      'bindUnix',
      'close',
      'connectUnix',
      'eventfd',
      'hugePageSize',
      'ioctl',
      'ioctlAsync',
      'listen',
      'pageFrames',
      'pageSize',
      'pipe',
      'pread',
      'pwrite',
      'read',
      'readWord',
      'receiveDescriptors',
      'sendDescriptors',
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
