// The command line as CommonJS chunks in dist/bin: ES modules alone would cost an eighth of a bare Node start.
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'

const platform = join(import.meta.dirname, 'yargs-platform.mjs')

/** Bundles `entry` to vfioctl.cjs in `folder`. Each command, each kernel and the layout of help is a file of its own. */
export async function bundleCli(entry, folder) {
  const program = {
    input: { vfioctl: entry },
    external: ['./help-layout.cjs'],
    makeAbsoluteExternalsRelative: false,
    plugins: [
      { name: 'yargs-platform', resolveId: (id) => (id.endsWith('/platform-shims/esm.mjs') ? platform : undefined) },
    ],
  }
  await write(folder, program, { codeSplitting: { groups } })
  await write(folder, { input: { 'help-layout': join(import.meta.dirname, 'help-layout.mjs') } }, {})
  chmodSync(join(folder, 'vfioctl.cjs'), 0o755)
}

async function write(folder, options, output) {
  const bundle = await rolldown({
    platform: 'node',
    tsconfig: false,
    // yargs reads it to extend configuration files, which nothing here does.
    transform: { define: { 'import.meta.resolve': 'undefined' } },
    ...options,
  })
  await bundle.write({
    dir: folder,
    format: 'cjs',
    entryFileNames: '[name].cjs',
    chunkFileNames: '[name].cjs',
    banner: (chunk) => (chunk.name === 'vfioctl' ? '#!/usr/bin/env node' : ''),
    minify: { compress: true, mangle: false, codegen: true },
    exports: 'named',
    ...output,
  })
  await bundle.close()
}

// Few files: opening one costs more than what is in it. What many commands share is one, and each kernel.
const groups = [
  {
    name: 'core',
    priority: 2,
    test: /src\/(cli\/(?!main|compile-cache|commands\/|opened-device|region-access|mock-host)|host|lifecycle\/(list|store|definition)|errors|units|kernel\/(kernel|system-error)|uapi\/errno)|node_modules\/(?!valibot)|yargs-platform|rolldown.runtime/,
  },
  { name: 'linux', test: /src\/kernel\// },
  { name: 'lifecycle', test: /src\/lifecycle\// },
  { name: 'device', test: /src\/(vfio|uapi|cli\/(opened-device|region-access))/ },
  { name: 'read-scenario', priority: 1, test: /read-scenario|node_modules\/valibot/ },
  { name: 'mock-kernel', test: /src\/(mock|cli\/mock-host)/ },
]
