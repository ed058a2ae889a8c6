import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

declare module 'vitest' {
  interface ProvidedContext {
    /** The packed package. */
    tarball: string
  }
}

/** Packs the package once for all tests of it. */
export default function setup(project: TestProject): () => void {
  const destination = mkdtempSync(join(tmpdir(), 'vfioctl-pack-'))
  const packing = [join(import.meta.dirname, '../../scripts/pack.mjs'), destination]
  const printed = execFileSync(process.execPath, packing, { encoding: 'utf8' })
  project.provide('tarball', printed.trim().split('\n').at(-1) ?? '')
  return () => rmSync(destination, { recursive: true, force: true })
}
