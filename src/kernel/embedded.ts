import { closeSync, fstatSync, readdirSync, readFileSync, readlinkSync, writeSync } from 'node:fs'
import { failedWith } from '../base/system-error.ts'

/** A file that the single executable has in itself (scripts/single/executable.mjs); null in any other program. */
export function embeddedFile(name: 'package.json' | 'vfioctl.node' | 'ffi-rs.node'): Uint8Array | null {
  const sea = process.getBuiltinModule('node:sea')
  return sea.isSea() ? new Uint8Array(sea.getAsset(name)) : null
}

/**
 * Loads an embedded shared object. The dynamic loader takes nothing but files, and the host may have none that can be
 * written and executed: the object goes into a memory file that the executable made as it started
 * (scripts/single/memory-files.c), one for each. Throws what was refused.
 */
export function loadEmbedded(content: Uint8Array): unknown {
  const fd = takeMemoryFile()
  try {
    let rest = content
    while (rest.length > 0) rest = rest.subarray(writeSync(fd, rest))
    const module: { exports: unknown } = { exports: {} }
    process.dlopen(module, `${descriptors}/${fd}`)
    return module.exports
  } finally {
    closeSync(fd)
  }
}

const descriptors = '/proc/self/fd'

/** The first one that is still empty. */
function takeMemoryFile(): number {
  const found = readdirSync(descriptors)
    .map(Number)
    .find((fd) => isMemoryFile(fd) && fstatSync(fd).size === 0)
  if (found !== undefined) return found
  throw new Error(`the kernel gave no memory file to load it from${isForbidden() ? ': vm.memfd_noexec is 2' : ''}`)
}

function isMemoryFile(fd: number): boolean {
  try {
    return readlinkSync(`${descriptors}/${fd}`) === '/memfd:vfioctl (deleted)'
  } catch (error) {
    // that of the listing itself
    if (failedWith(error, 'ENOENT')) return false
    throw error
  }
}

/** From Linux 6.3 on, an admin may forbid memory files with code. */
function isForbidden(): boolean {
  try {
    return readFileSync('/proc/sys/vm/memfd_noexec', 'utf8').trim() === '2'
  } catch {
    return false
  }
}
