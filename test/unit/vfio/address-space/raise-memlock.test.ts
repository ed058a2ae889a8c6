import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { afterEach, describe, expect, type TestContext, test, vi } from 'vitest'
import { memlockLimit } from '../../../../src/host/memlock-limit.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { raiseMemlockLimit } from '../../../../src/vfio/address-space/raise-memlock.ts'
import { HostTree } from '../../host-tree.ts'

const kernel = openLinux()

/** Lowers the soft limit of this process, which it may raise again. Skips where there is nothing to lower. */
function lowered({ skip }: TestContext): { readonly hardLimit: number | null } {
  const before = memlockLimit(kernel)
  if (before === null) return skip('not on Linux')
  if (before.hardLimit === 0) skip('the hard limit is 0')
  if (!existsSync('/usr/bin/prlimit')) skip('no prlimit(1) to lower the limit with')
  execFileSync('prlimit', [`--pid=${process.pid}`, '--memlock=0:'])
  expect(memlockLimit(kernel)?.limit).toBe(0)
  return { hardLimit: before.hardLimit }
}

afterEach(() => {
  vi.doUnmock('ffi-rs')
  vi.unstubAllEnvs()
})

function withoutFfi(): void {
  vi.doMock('ffi-rs', () => {
    throw new Error('Cannot find package')
  })
}

describe('the limit on locked memory is raised to the hard limit', () => {
  test('by libc, through ffi-rs', async (context) => {
    const { hardLimit } = lowered(context)
    if ((await import('ffi-rs').catch(() => null)) === null) context.skip('ffi-rs is not installed')
    vi.stubEnv('PATH', '/nowhere')
    expect(await raiseMemlockLimit(kernel)).toMatchObject({ limit: hardLimit, hardLimit })
    expect(memlockLimit(kernel)).toMatchObject({ limit: hardLimit, hardLimit })
  })

  test('by the program prlimit, without ffi-rs', async (context) => {
    const { hardLimit } = lowered(context)
    withoutFfi()
    expect(await raiseMemlockLimit(kernel)).toMatchObject({ limit: hardLimit, hardLimit })
  })

  test('or the error says what to type, with neither', async (context) => {
    const { hardLimit } = lowered(context)
    withoutFfi()
    vi.stubEnv('PATH', '/nowhere')
    await expect(raiseMemlockLimit(kernel)).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('ENOENT'),
      hint: `prlimit --pid=${process.pid} --memlock=${hardLimit ?? 'unlimited'}:`,
    })
    vi.unstubAllEnvs()
    await raiseMemlockLimit(kernel)
  })

  test('without a look at ffi-rs where there is nothing to raise', async (context) => {
    const before = memlockLimit(kernel)
    if (before === null) return context.skip('not on Linux')
    if (before.limit !== before.hardLimit) context.skip('there is something to raise')
    const loaded = vi.fn(() => ({}))
    vi.doMock('ffi-rs', loaded)
    expect(await raiseMemlockLimit(kernel)).toEqual(before)
    expect(loaded).not.toHaveBeenCalled()
  })

  test('and not where the limit is not known', async () => {
    await expect(raiseMemlockLimit(openLinux({ root: new HostTree().root }))).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
    })
  })

  test('and left alone where there is none', async () => {
    expect(await raiseMemlockLimit(createMockKernel('demo'))).toMatchObject({ limit: null, hardLimit: null })
  })
})
