// Files of a package, as a folder: for a processor without a single executable, the bundle for the host's own Node.
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, extname, join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { packagedFiles } from '../../dist/lifecycle/boot/boot-files.js'
import { crossCompiled, toolsFor } from '../prebuild.mjs'
import { makeExecutable, processors } from '../single/executable.mjs'
import { run } from '../vm/debian.mjs'

const root = dirname(dirname(import.meta.dirname))
const program = '/usr/bin/vfioctl'

/** Path of a package's completions, by shell. */
const completions = {
  bash: 'usr/share/bash-completion/completions/vfioctl',
  zsh: 'usr/share/zsh/vendor-completions/_vfioctl',
  fish: 'usr/share/fish/vendor_completions.d/vfioctl.fish',
}

/** If the package for a processor needs the host's own Node. @param {string} arch */
export function needsNode(arch) {
  return !processors.includes(arch)
}

/**
 * Fills an empty folder with what packages of every kind have.
 * @param {string} arch
 * @param {string} tree
 */
export async function fillTree(arch, tree) {
  const write = (path, content) => {
    mkdirSync(dirname(join(tree, path)), { recursive: true })
    writeFileSync(join(tree, path), content)
  }
  if (needsNode(arch)) await copyBundle(arch, tree)
  else await makeExecutable(arch, join(tree, program))
  const manual = join(root, 'dist/man')
  for (const page of readdirSync(manual)) {
    write(`usr/share/man/man${extname(page).slice(1)}/${page}.gz`, zipped(readFileSync(join(manual, page))))
  }
  const bundled = join(root, 'dist/bin/vfioctl.cjs')
  for (const [shell, path] of Object.entries(completions)) {
    write(path, execFileSync(process.execPath, [bundled, 'completion', shell]))
  }
  const tools = { systemctl: '/usr/bin/systemctl', mkdir: '/usr/bin/mkdir' }
  for (const { folder, name, content } of packagedFiles([program], tools)) write(join(folder, name), content)
}

/** As `gzip -9n`: no name and no time. @param {Buffer | string} content */
export function zipped(content) {
  return gzipSync(content, { level: 9 })
}

/** Files and links below a folder, in an order that is always the same. @param {string} folder @returns {string[]} */
export function filesIn(folder) {
  return readdirSync(folder, { recursive: true })
    .filter((it) => !lstatSync(join(folder, it)).isDirectory())
    .sort()
}

/** Sets the modes of all files and folders, whatever the umask was. @param {string} folder */
export function fixModes(folder) {
  chmodSync(folder, 0o755)
  for (const path of readdirSync(folder, { recursive: true })) {
    const at = join(folder, path)
    const state = lstatSync(at)
    if (state.isDirectory()) chmodSync(at, 0o755)
    else if (state.isFile()) chmodSync(at, (state.mode & 0o100) === 0 ? 0o644 : 0o755)
  }
}

async function copyBundle(arch, tree) {
  const folder = join(tree, 'usr/lib/vfioctl')
  const addon = join(folder, `prebuilds/linux-${arch}.node`)
  for (const it of [dirname(addon), join(folder, 'dist'), join(tree, dirname(program))])
    mkdirSync(it, { recursive: true })
  cpSync(join(root, 'dist/bin'), join(folder, 'dist/bin'), { recursive: true })
  copyFileSync(join(root, 'package.json'), join(folder, 'package.json'))
  copyFileSync(await crossCompiled(arch), addon)
  await run((await toolsFor(arch)).strip, ['--strip-unneeded', addon])
  // a shared object, which nobody runs
  chmodSync(addon, 0o644)
  symlinkSync('../lib/vfioctl/dist/bin/vfioctl.cjs', join(tree, 'usr/bin', basename(program)))
}
