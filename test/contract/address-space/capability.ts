import { execFileSync } from 'node:child_process'
import { onTestFinished, type TestContext } from 'vitest'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import { MockKernel } from '../../../src/mock/kernel/mock-kernel.ts'

/** linux/capability.h */
const _LINUX_CAPABILITY_VERSION_3 = 0x2008_0522
const CAP_IPC_LOCK = 14

/**
 * Until the test is over, this process may lock `bytes` and no more: without CAP_IPC_LOCK, as whoever is not root.
 * Skips the test where that cannot be had.
 */
export async function limitLockedMemory({ skip }: TestContext, kernel: Kernel, bytes: number): Promise<void> {
  if (kernel instanceof MockKernel) {
    kernel.machine.locked.limit = bytes
    return
  }
  const ffi = await import('ffi-rs').catch(() => null)
  if (ffi === null) return skip('ffi-rs is not installed')
  if (process.getuid?.() !== 0) return skip('not root')
  const { DataType, load, open } = ffi
  open({ library: 'libc', path: '' })
  const header = Buffer.from(Uint32Array.of(_LINUX_CAPABILITY_VERSION_3, 0).buffer)
  /** Twice effective, permitted, inheritable: of this thread. */
  const sets = Buffer.alloc(24)
  const call = (funcName: 'capget' | 'capset'): void => {
    const { U8Array, I32 } = DataType
    const paramsType = [U8Array, U8Array]
    const failed = load({ library: 'libc', funcName, retType: I32, paramsType, paramsValue: [header, sets] })
    if (failed !== 0) throw new Error(`${funcName} failed`)
  }
  call('capget')
  const effective = sets.readUInt32LE(0)
  const limit = (soft: string) => execFileSync('prlimit', [`--pid=${process.pid}`, `--memlock=${soft}:`])
  const before = execFileSync('prlimit', [`--pid=${process.pid}`, '--memlock', '--noheadings', '--output=SOFT'])
  limit(String(bytes))
  sets.writeUInt32LE((effective & ~(1 << CAP_IPC_LOCK)) >>> 0, 0)
  call('capset')
  onTestFinished(() => {
    sets.writeUInt32LE(effective, 0)
    call('capset')
    limit(before.toString().trim())
  })
}
