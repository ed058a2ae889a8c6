// The single executable for a processor: Node, the bundled command line with what V8 compiled of it, the addon and ffi-rs.
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeFakeHost } from '../bench/fake-host.mjs'
import { bundleCli } from '../bundle/bundle-cli.mjs'
import { crossCompiled, toolsFor } from '../prebuild.mjs'
import { run } from '../vm/debian.mjs'
import { emulatorFor } from '../vm/emulated-node.mjs'
import { embed } from './elf.mjs'
import { npmPackage } from './npm-package.mjs'

const root = dirname(dirname(import.meta.dirname))

/** npm ends Node for s390x at 20.11, which is older than what vfioctl needs. */
const node = {
  release: '24.22.3',
  integrity: {
    x64: 'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
    arm64: 'sha512-IZx0J52/1NDwAsY2iyWR9nlPIYuYviTWetjj8+ElvYQh2+XRhLfCfkbFEF/2O5vGI2hcUbyPNHV+nz342FbJXw==',
  },
}

/** The processors that there is one for. */
export const processors = Object.keys(node.integrity)

/** The license of Node and of what it contains. @param {string} arch */
export async function nodeLicense(arch) {
  return readFileSync(join(await nodePackage(arch), 'LICENSE'), 'utf8')
}

/** The Node that is in the executable, by itself. @param {string} arch */
export async function nodeOf(arch) {
  return join(await nodePackage(arch), 'bin/node')
}

/** @param {string} arch */
function nodePackage(arch) {
  return npmPackage(`node-linux-${arch}`, node.release, node.integrity[arch])
}

/**
 * Writes the executable to `file`. The same sources, compilers and processor give the same bytes. Throws Unavailable where
 * this machine cannot be given what that takes.
 * @param {string} arch
 * @param {string} file
 */
export async function makeExecutable(arch, file) {
  const work = mkdtempSync(join(tmpdir(), 'vfioctl-single-'))
  try {
    const { prefix, strip } = await toolsFor(arch)
    const original = await nodeOf(arch)
    const [node, chunks, host] = ['node', 'chunks', 'host'].map((name) => join(work, name))
    await run(strip, ['-o', node, original])
    await bundleCli(join(root, 'src/cli/single.ts'), chunks, arch)
    makeFakeHost(host, 16)
    const [program, ...before] = [...(await emulatorFor(arch)), node]
    const runNode = (...args) => run(program, [...before, ...args], { cwd: work, env: { NODE_OPTIONS: '' } })
    // What V8 keeps of a chunk is for one release, one processor and its flags. Node's own modules come compiled for no
    // flag at all: one, such as a larger space for young objects, takes an eighth of Node's start.
    const packing = ['--random-seed=1', join(import.meta.dirname, 'pack-chunks.cjs')]
    await runNode(...packing, chunks, join(work, 'pack'), host)
    await copyAssets(arch, strip, work)
    await runNode('--experimental-sea-config', join(work, 'sea.json'))
    await compileFlat(prefix, work)
    const bytes = embed(readFileSync(node), readFileSync(join(work, 'flat')), readFileSync(join(work, 'blob')))
    mkdirSync(dirname(file), { recursive: true })
    rmSync(file, { force: true })
    writeFileSync(file, bytes, { mode: 0o755 })
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** Copies the files that Node is to find in itself, and writes its configuration for them, sea.json. */
async function copyAssets(arch, strip, work) {
  const files = {
    'package.json': join(root, 'package.json'),
    'vfioctl.node': await crossCompiled(arch),
    'ffi-rs.node': await ffiObject(arch),
  }
  const assets = { chunks: 'pack' }
  for (const [name, path] of Object.entries(files)) {
    copyFileSync(path, join(work, name))
    assets[name] = name
  }
  await run(strip, ['--strip-unneeded', join(work, 'vfioctl.node')])
  copyFileSync(join(import.meta.dirname, 'main.cjs'), join(work, 'main.cjs'))
  const config = {
    main: 'main.cjs',
    output: 'blob',
    disableExperimentalSEAWarning: true,
    // a program of its own, which an environment meant for Node does not change
    execArgvExtension: 'none',
    assets,
  }
  writeFileSync(join(work, 'sea.json'), JSON.stringify(config))
}

/** ffi-rs' object, of the release that package-lock.json has. */
async function ffiObject(arch) {
  const name = `@yuuang/ffi-rs-linux-${arch}-gnu`
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages[`node_modules/${name}`]
  return join(await npmPackage(name, locked.version, locked.integrity), `ffi-rs.linux-${arch}-gnu.node`)
}

/** Compiles the code that runs before main, to bytes that run at any address. */
async function compileFlat(prefix, work) {
  const from = (name) => join(import.meta.dirname, name)
  const object = join(work, 'memory-files.elf')
  await run(`${prefix}gcc`, [
    ...['-std=gnu11', '-Os', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-fpie', '-fno-stack-protector'],
    ...['-fno-asynchronous-unwind-tables', '-nostdlib', '-static', '-Wl,--build-id=none', '-Wl,--no-warn-rwx-segments'],
    ...[`-Wl,-T,${from('memory-files.ld')}`, '-o', object, from('memory-files.c')],
  ])
  await run(`${prefix}objcopy`, ['-O', 'binary', '-j', '.flat', object, join(work, 'flat')])
}
