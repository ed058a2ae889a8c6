// The program's own tables, which are TypeScript, for scripts.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const root = dirname(import.meta.dirname)

/** The exports of files of src/, together. @param {string[]} files paths in src/, without .ts */
export async function loadSources(files) {
  mkdirSync(join(root, 'build'), { recursive: true })
  const folder = mkdtempSync(join(root, 'build/manual-'))
  try {
    const input = files.map((it) => join(root, `src/${it}.ts`))
    const bundle = await rolldown({ input, platform: 'node', tsconfig: false, external: ['ffi-rs'] })
    const { output } = await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs' })
    await bundle.close()
    const entries = output.filter((it) => it.type === 'chunk' && it.isEntry)
    const tables = await Promise.all(entries.map((it) => import(pathToFileURL(join(folder, it.fileName)).href)))
    const merged = Object.assign({}, ...tables)
    // each command is a file of its own, and loaded when it is asked for
    await Promise.all(Object.values(merged.commands ?? {}).map(({ load }) => load()))
    return merged
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
