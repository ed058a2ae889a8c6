import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { loadFfi } from './ffi.ts'
import type { Kernel } from './kernel.ts'

/** asm-generic/resource.h: the same on x86-64 and arm64. */
const RLIMIT_MEMLOCK = 8
const RLIM64_INFINITY = 0xffff_ffff_ffff_ffffn

/**
 * Raises this process's soft limit on locked memory to `hardLimit` (bytes; null is unlimited), which takes no
 * privilege: by libc's prlimit(2) through ffi-rs if that can be had, else by the program prlimit(1) of util-linux.
 * Rejects with what failed.
 */
export async function raiseSoftMemlock({ name }: Kernel, hardLimit: number | null): Promise<void> {
  if (name !== 'linux') throw new Error('a simulated kernel limits nothing')
  const ffi = await loadFfi()
  if (ffi === null) await byProgram(hardLimit)
  else byLibc(ffi, hardLimit)
}

function byLibc({ DataType, load, open }: typeof import('ffi-rs'), hardLimit: number | null): void {
  // no path: libc is part of Node's own process already, whatever file it came from
  open({ library: 'libc', path: '' })
  const { I32, I64, U8Array } = DataType
  const answer = load({
    library: 'libc',
    funcName: 'prlimit',
    retType: I32,
    paramsType: [I32, I32, U8Array, I64],
    paramsValue: [0, RLIMIT_MEMLOCK, rlimit(hardLimit), 0],
    errno: true,
  })
  if (typeof answer === 'number') throw new Error(`prlimit: ${answer}`)
  if (answer.value !== 0) throw new Error(`prlimit: ${answer.errnoMessage}`)
}

/** struct rlimit64 with rlim_cur and rlim_max alike. */
function rlimit(limit: number | null): Buffer {
  const value = limit === null ? RLIM64_INFINITY : BigInt(limit)
  return Buffer.from(BigUint64Array.of(value, value).buffer)
}

async function byProgram(hardLimit: number | null): Promise<void> {
  // 'soft:' leaves the hard limit as it is
  await promisify(execFile)('prlimit', [`--pid=${process.pid}`, `--memlock=${hardLimit ?? 'unlimited'}:`])
}
