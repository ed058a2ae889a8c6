// The command line as CommonJS chunks in dist/bin: ES modules alone would cost an eighth of a bare Node start.
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { chunks } from './chunks.mjs'

const ofYargs = createRequire(import.meta.resolve('yargs'))

/** Parts of yargs that the bundle has otherwise: for Node they load much that only help needs. */
const replacements = {
  '/platform-shims/esm.mjs': join(import.meta.dirname, 'yargs-platform.mjs'),
  'yargs-parser': ofYargs.resolve('yargs-parser/browser'),
}

/**
 * Bundles `entry` to vfioctl.cjs in `folder`. Each command, each kernel and the layout of help is a file of its own.
 * @param {string} entry
 * @param {string} folder
 * @param {string} [embeddedFor] the processor whose executable holds ffi-rs, which else is a package beside the bundle
 */
export async function bundleCli(entry, folder, embeddedFor) {
  const program = {
    input: { vfioctl: entry },
    external: ['./help-layout.cjs', ...(embeddedFor === undefined ? ['ffi-rs'] : [])],
    makeAbsoluteExternalsRelative: false,
    plugins: [
      { name: 'lean-yargs', resolveId: replacement },
      { name: 'embedded-ffi', resolveId: (id) => embeddedFfi(id, embeddedFor) },
    ],
  }
  await write(folder, program, { codeSplitting: { groups: chunks } })
  await write(folder, { input: { 'help-layout': join(import.meta.dirname, 'help-layout.mjs') } }, {})
  chmodSync(join(folder, 'vfioctl.cjs'), 0o755)
}

/** @param {string} id */
function replacement(id) {
  return Object.entries(replacements).find(([end]) => id === end || (end.startsWith('/') && id.endsWith(end)))?.[1]
}

/** ffi-rs looks for its object in a package for each processor, and beside itself: one of them is in the executable. */
function embeddedFfi(id, processor) {
  if (id === `@yuuang/ffi-rs-linux-${processor}-gnu`) return join(import.meta.dirname, 'embedded-ffi.cjs')
  return id.startsWith('@yuuang/') || id.endsWith('.node') ? { id, external: true } : null
}

/** V8 holds text of one byte a character in half the memory, and reads it faster. The minifier would undo it. */
function oneByteText(code) {
  return code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Nothing exported changes: values take a quarter of the text of getters, and no function each. */
function plainExports(code) {
  const getter = /Object\.defineProperty\(exports,"([\w$]+)",\{enumerable:!0,get:function\(\)\{return ([\w$]+)\}\}\)/g
  return code.replace(getter, 'exports.$1=$2')
}

async function write(folder, options, output) {
  const bundle = await rolldown({
    platform: 'node',
    tsconfig: false,
    // yargs reads it to extend configuration files, which nothing here does.
    transform: { define: { 'import.meta.resolve': 'undefined' } },
    ...options,
  })
  const { output: files } = await bundle.generate({
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    banner: (chunk) => (chunk.name === 'vfioctl' ? '#!/usr/bin/env node' : ''),
    minify: { compress: true, mangle: false, codegen: true },
    exports: 'named',
    externalLiveBindings: false,
    // a require: what compiles a chunk by itself has no answer to import()
    dynamicImportInCjs: false,
    ...output,
  })
  await bundle.close()
  mkdirSync(folder, { recursive: true })
  for (const file of files) writeFileSync(join(folder, file.fileName), oneByteText(plainExports(file.code)))
}
