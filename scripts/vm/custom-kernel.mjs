// A kernel built here, for what Debian's lack: iommufd, the device nodes, noiommu.
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { newestPackage, suiteArchive, unpack } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { run } from './debian.mjs'

/**
 * Debian's newest source with tinyconfig and a fragment; the build takes minutes, so it is kept.
 * @param {{ suite: string, sourcePattern: string, fragment: string }} names `fragment` is a file of this folder
 * @returns {import('./kernels.mjs').Recipe}
 */
export function custom({ suite, sourcePattern, fragment }) {
  const files = ['custom-kernel.mjs', fragment]
  return {
    files: [...files, 'kernels.mjs'],
    drivers: ['nvme', 'e1000e', 'i2c-i801', 'pci-stub', 'uio_pci_generic'],
    tools: ['gcc', 'make', 'flex', 'bison', 'bc', 'libelf-dev', 'libssl-dev', 'xz-utils', 'kmod'],
    async fetch() {
      const root = join(cacheFolder, 'built', hashedName(files))
      await cached(root, async (work) => {
        const archive = await suiteArchive(suite, join(work, 'apt'))
        const { name, version } = await newestPackage(archive, sourcePattern, 'linux-source')
        await unpack(archive, [`${name}=${version}`], work)
        await run('tar', ['-xJf', join(work, 'usr/src', `${name}.tar.xz`), '-C', work])
        return build(join(work, name), join(import.meta.dirname, fragment), join(work, 'done'))
      })
      const [release] = await readdir(join(root, 'lib/modules'))
      const samples = ['mtty', 'mdpy', 'mbochs'].map((it) =>
        join(root, 'lib/modules', release, 'kernel/samples/vfio-mdev', `${it}.ko`),
      )
      return { release, image: join(root, 'vmlinux'), root, samples, headers: join(root, 'include') }
    },
  }
}

/**
 * @param {string} source
 * @param {string} fragment
 * @param {string} done
 */
async function build(source, fragment, done) {
  console.error('building a kernel: this takes some minutes, once')
  /** @param {string[]} words */
  const make = (...words) => run('nice', ['make', '-s', '-j2', ...words], { cwd: source })
  await make('tinyconfig')
  await run('scripts/kconfig/merge_config.sh', ['-m', '.config', fragment], { cwd: source })
  await make('olddefconfig')
  expectOptions(await readFile(fragment, 'utf8'), await readFile(join(source, '.config'), 'utf8'))
  await make('vmlinux', 'modules')
  await make('modules_install', `INSTALL_MOD_PATH=${done}`)
  for (const release of await readdir(join(done, 'lib/modules'))) await rm(join(done, 'lib/modules', release, 'build'))
  await make('headers')
  await mkdir(join(done, 'include'), { recursive: true })
  for (const folder of ['asm', 'asm-generic', 'linux']) {
    await cp(join(source, 'usr/include', folder), join(done, 'include', folder), { recursive: true })
  }
  await rename(join(source, 'vmlinux'), join(done, 'vmlinux'))
  return done
}

/**
 * Kconfig drops, without a word, an option whose name or dependency has changed.
 * @param {string} fragment
 * @param {string} config
 */
function expectOptions(fragment, config) {
  const lines = new Set(config.split('\n'))
  const dropped = fragment.split('\n').filter((line) => line.startsWith('CONFIG_') && !lines.has(line))
  if (dropped.length > 0) throw new Error(`the kernel's configuration does not take ${dropped.join(' ')}`)
}
