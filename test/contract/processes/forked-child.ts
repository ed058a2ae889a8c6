import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished, type TestContext } from 'vitest'
import { findCompiler } from '../../abi/c-program.ts'

const library = 'vfioctl-forked-child'

/** A child of fork(2), which inherits all that is open and mapped, and lives until it is ended; at the latest by the test. */
export interface ForkedChild {
  end(): void
}

/** Skips the test where no such child can be had. */
export async function forkChild({ skip }: TestContext, kernel: 'mock' | 'linux'): Promise<ForkedChild> {
  if (kernel === 'mock') skip('a child of fork has none of what is open in the mock')
  const ffi = await import('ffi-rs').catch(() => null)
  if (ffi === null) return skip('ffi-rs is not installed')
  const compiler = findCompiler()
  if (compiler === null) return skip('there is no C compiler')
  if (!isLoaded) ffi.open({ library, path: compile(compiler) })
  isLoaded = true
  const { DataType, load } = ffi
  const call = (funcName: 'fork_child' | 'end_child', args: number[]) =>
    load({ library, funcName, retType: DataType.I32, paramsType: args.map(() => DataType.I32), paramsValue: args })
  const child = call('fork_child', [])
  if (child < 0) throw new Error('fork failed')
  let isAlive = true
  const end = () => {
    if (!isAlive) return
    isAlive = false
    if (call('end_child', [child]) !== 0) throw new Error(`the child ${child} was not to be ended`)
  }
  onTestFinished(end)
  return { end }
}

/** Once for all tests: it takes the emulated processor some seconds. */
let isLoaded = false

function compile(compiler: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-fork-'))
  process.on('exit', () => rmSync(folder, { recursive: true }))
  const path = join(folder, 'forked-child.so')
  const source = join(import.meta.dirname, 'programs/forked-child.c')
  execFileSync(compiler, ['-shared', '-fPIC', '-Wall', '-Wextra', '-Werror', '-o', path, source])
  return path
}
