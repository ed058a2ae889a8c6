import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { memlockLimit } from '../../../../src/host/memlock-limit.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { outOfMemory } from '../../../../src/vfio/address-space/memlock-limit.ts'
import { HostTree } from '../../host-tree.ts'
import { expectAnswers, spoilt } from '../../hostile.ts'

const KiB = 1024
const MiB = 1024 * KiB

interface Process {
  readonly soft?: string
  readonly hard?: string
  readonly lck?: number
  readonly pin?: number
  readonly capEff?: string
}

/** /proc/self of a process as Linux shows it. */
function kernelWith({ soft = '8388608', hard = '16777216', lck = 0, pin = 0, capEff = '0' }: Process) {
  const { root } = new HostTree()
    .file(
      'proc/self/limits',
      [
        'Limit                     Soft Limit           Hard Limit           Units     ',
        'Max processes             96365                96365                processes ',
        `Max locked memory         ${soft.padEnd(20)} ${hard.padEnd(20)} bytes     `,
        'Max nice priority         0                    0                    ',
      ].join('\n'),
    )
    .file(
      'proc/self/status',
      `Name:\tnode\nVmLck:\t${String(lck).padStart(8)} kB\nVmPin:\t${String(pin).padStart(8)} kB\nCapEff:\t${capEff.padStart(16, '0')}\n`,
    )
  return openLinux({ root })
}

describe('the limit on locked memory', () => {
  test('is what /proc says of this process', () => {
    expect(memlockLimit(kernelWith({ lck: 64 }))).toEqual({
      limit: 8 * MiB,
      hardLimit: 16 * MiB,
      locked: 64 * KiB,
      ignored: false,
    })
  })

  test('can be unlimited, of either kind', () => {
    expect(memlockLimit(kernelWith({ hard: 'unlimited' }))).toMatchObject({ limit: 8 * MiB, hardLimit: null })
    expect(memlockLimit(kernelWith({ soft: 'unlimited', hard: 'unlimited' }))).toMatchObject({ limit: null })
  })

  test('counts what iommufd has pinned, which is not VmLck', () => {
    expect(memlockLimit(kernelWith({ lck: 4, pin: 512 }))?.locked).toBe(512 * KiB)
  })

  test.for([
    ['000001fffeffffff', true],
    ['0000000000004000', true],
    ['000001ffffffbfff', false],
    ['0000000000000000', false],
  ] as const)('is ignored with CAP_IPC_LOCK (CapEff %s: %s)', ([capEff, ignored]) => {
    expect(memlockLimit(kernelWith({ capEff }))?.ignored).toBe(ignored)
  })

  test('is not known where /proc is not there, or says something else', () => {
    expect(memlockLimit(openLinux({ root: new HostTree().root }))).toBeNull()
    expect(memlockLimit(kernelWith({ soft: '-1' }))).toBeNull()
  })

  test('is a limit or null, whatever /proc holds', () => {
    const limits = spoilt('Max locked memory         8388608              unlimited            bytes     \n')
    const status = spoilt('VmLck:\t       0 kB\nVmPin:\t     128 kB\nCapEff:\t0000000000000000\n')
    const { errors } = expectAnswers(fc.tuple(limits, status), ([limits, status]) => {
      const kernel = {
        files: { ...openLinux().files, read: (path: string) => (path.endsWith('limits') ? limits : status) },
      }
      const limit = memlockLimit(kernel)
      if (Number.isNaN(limit?.locked)) throw new Error(`${limit?.locked} bytes are locked`)
      return outOfMemory(kernel, 0x1000n)
    })
    expect(errors).toBe(0)
  })

  test('that cannot be read for another reason is that error', () => {
    const files = {
      ...openLinux().files,
      read(path: string): string {
        throw systemError('EIO', 'read', path)
      },
    }
    expect(() => memlockLimit({ files })).toThrow(expect.objectContaining({ code: 'EIO' }))
  })
})

describe('ENOMEM of a mapping', () => {
  test('is MEMLOCK_EXCEEDED where the limit is passed, with what is needed, locked and allowed', () => {
    const reason = outOfMemory(kernelWith({ lck: 6 * KiB }), BigInt(4 * MiB))
    expect(reason).toEqual({
      code: 'MEMLOCK_EXCEEDED',
      because: 'it needs 4 MiB of locked memory, 6 MiB are locked already, and the limit is 8 MiB',
      hint: 'ulimit -l 10240 before starting (in KiB), or call dma.raiseMemlock()',
      facts: { needed: 4 * MiB, limit: 8 * MiB, hardLimit: 16 * MiB, locked: 6 * MiB, ignored: false },
    })
  })

  test('is of all the user’s processes in mode iommufd, where this one alone does not pass the limit', () => {
    expect(outOfMemory(kernelWith({ lck: 1 * KiB }), BigInt(4 * MiB), 'iommufd')).toMatchObject({
      code: 'MEMLOCK_EXCEEDED',
      because:
        'it needs 4 MiB of locked memory, and in mode iommufd the limit of 8 MiB is for all processes of this user ' +
        'together: this one has 1 MiB, so others have the rest (or there is no memory left)',
      hint: expect.stringContaining('ulimit -l 12288'),
      facts: { locked: 1 * MiB, limit: 8 * MiB, countedBy: 'user' },
    })
    for (const process of [{ capEff: '4000' }, { soft: 'unlimited' }]) {
      expect(outOfMemory(kernelWith(process), BigInt(64 * MiB), 'iommufd').code).toBe('SYSTEM_CALL_FAILED')
    }
  })

  test('asks for more than the process can give itself, where the hard limit is passed too', () => {
    expect(outOfMemory(kernelWith({}), BigInt(64 * MiB)).hint).toBe(
      'ulimit -l 65536 as root (in KiB), LimitMEMLOCK= of the systemd unit, or setcap cap_ipc_lock+ep on the program',
    )
  })

  test.for([
    ['up to the limit', {}, 8 * MiB],
    ['with CAP_IPC_LOCK', { capEff: '4000' }, 64 * MiB],
    ['without a limit', { soft: 'unlimited' }, 64 * MiB],
  ] as const)('is plainly no memory %s', ([, process, needed]) => {
    expect(outOfMemory(kernelWith(process), BigInt(needed))).toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      because: 'the kernel has no memory for it',
    })
  })
})
