// The measurements of floor.c.
import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * Compiles it with the headers that came with this Node. Returns its path; null where none came.
 * @param {string} folder
 */
export function compileFloor(folder) {
  const headers = join(dirname(dirname(process.execPath)), 'include/node')
  if (!existsSync(join(headers, 'node_api.h'))) return null
  const addon = join(folder, 'floor.node')
  const source = join(import.meta.dirname, 'floor.c')
  execFileSync('gcc', ['-O2', '-Wall', '-Wextra', '-Werror', '-shared', '-fPIC', '-I', headers, '-o', addon, source])
  return addon
}

/**
 * Contenders that read 4 bytes at the beginning of a file.
 * @param {string | undefined} addon
 * @param {number} fd
 */
export function floorOf(addon, fd) {
  if (addon === undefined) return {}
  const module = { exports: {} }
  process.dlopen(module, addon)
  const { of, once, often } = module.exports
  of(fd)
  return {
    'C inside Node': (count) => often(count),
    'Node-API alone': (count) => {
      for (let i = 0; i < count; i++) once()
    },
  }
}
