import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The C compiler there is, or null. */
export function findCompiler(): string | null {
  for (const compiler of ['gcc', 'cc', 'clang']) {
    try {
      execFileSync(compiler, ['--version'], { stdio: 'ignore' })
      return compiler
    } catch {
      // the next one
    }
  }
  return null
}

/** A source as the preprocessor prints it, macros' definitions included. */
export function preprocess(compiler: string, source: string): string {
  return execFileSync(compiler, ['-E', '-dD', '-x', 'c', '-'], { input: source, encoding: 'utf8' })
}

/** Compiles a C program, runs it, and gives what it prints. */
export function runC(compiler: string, source: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-abi-'))
  try {
    writeFileSync(join(folder, 'print.c'), source)
    execFileSync(compiler, ['-o', join(folder, 'print'), join(folder, 'print.c')])
    return execFileSync(join(folder, 'print'), { encoding: 'utf8' })
  } finally {
    rmSync(folder, { recursive: true })
  }
}
