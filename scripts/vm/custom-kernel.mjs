// A kernel built here, for what Debian's lack: iommufd, the device nodes, noiommu.
import { cp, mkdir, readdir, readFile, rename, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { newestPackage, suiteArchive, unpack } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { run } from './debian.mjs'

/**
 * @typedef {object} Target
 * @property {string} compiler
 * @property {string[]} words for make
 * @property {string} image that it makes
 * @property {string} [bzImage] the same with the code of real mode before it
 * @property {string[]} drivers that its kernel has as modules: of the emulated devices, and VFIO's for one kind of device
 */

/** @type {Record<import('./architectures.mjs').ArchitectureName, Target>} */
const targets = {
  x64: {
    compiler: 'gcc',
    words: [],
    image: 'vmlinux',
    bzImage: 'arch/x86/boot/bzImage',
    drivers: [
      ...['nvme', 'e1000e', 'i2c-i801', 'virtio_net', 'pci-stub', 'uio_pci_generic'],
      ...['virtio_vfio_pci', 'simplefb', 'simpledrm', 'bochs'],
    ],
  },
  arm64: {
    compiler: 'gcc-aarch64-linux-gnu',
    words: ['ARCH=arm64', 'CROSS_COMPILE=aarch64-linux-gnu-'],
    image: 'arch/arm64/boot/Image',
    drivers: ['nvme', 'e1000e', 'pci-stub', 'uio_pci_generic'],
  },
  s390x: {
    compiler: 'gcc-s390x-linux-gnu',
    words: ['ARCH=s390', 'CROSS_COMPILE=s390x-linux-gnu-'],
    image: 'arch/s390/boot/bzImage',
    drivers: ['nvme', 'e1000e', 'pci-stub', 'uio_pci_generic'],
  },
}

/**
 * Debian's newest source with tinyconfig and fragments; the build takes minutes, so it is kept.
 * @param {object} names
 * @param {import('./architectures.mjs').ArchitectureName} [names.arch] x64 unless told
 * @param {string} names.suite
 * @param {string} names.sourcePattern
 * @param {string[]} names.fragments files of this folder; what one says, none before it says otherwise
 * @returns {import('./kernels.mjs').Recipe}
 */
export function custom({ arch = 'x64', suite, sourcePattern, fragments }) {
  const files = ['custom-kernel.mjs', ...fragments]
  const names = { suite, sourcePattern }
  const { compiler, image, bzImage, drivers } = targets[arch]
  return {
    arch,
    files,
    names,
    drivers,
    tools: ['gcc', compiler, 'make', 'flex', 'bison', 'bc', 'libelf-dev', 'libssl-dev', 'xz-utils', 'kmod'],
    async fetch() {
      const root = join(cacheFolder, 'built', `${arch}-${hashedName(files, names)}`)
      await cached(root, async (work) => {
        const archive = await suiteArchive(suite, join(work, 'apt'))
        const { name, version } = await newestPackage(archive, sourcePattern, 'linux-source')
        await unpack(archive, [`${name}=${version}`], work)
        await run('tar', ['-xJf', join(work, 'usr/src', `${name}.tar.xz`), '-C', work])
        return build(arch, join(work, name), fragments, join(work, 'done'))
      })
      const [release] = await readdir(join(root, 'lib/modules'))
      const samples = ['mtty', 'mdpy', 'mbochs'].map((it) =>
        join(root, 'lib/modules', release, 'kernel/samples/vfio-mdev', `${it}.ko`),
      )
      return {
        release,
        image: join(root, basename(image)),
        ...(bzImage === undefined ? {} : { bzImage: join(root, basename(bzImage)) }),
        root,
        samples,
        headers: join(root, 'include'),
      }
    },
  }
}

/**
 * @param {import('./architectures.mjs').ArchitectureName} arch
 * @param {string} source
 * @param {string[]} fragments
 * @param {string} done
 */
async function build(arch, source, fragments, done) {
  console.error(`building a kernel for ${arch}: this takes some minutes, once`)
  const { words, image, bzImage } = targets[arch]
  const images = [image, ...(bzImage === undefined ? [] : [bzImage])]
  /** @param {string[]} goals */
  const make = (...goals) => run('nice', ['make', '-s', '-j2', ...words, ...goals], { cwd: source })
  const paths = fragments.map((it) => join(import.meta.dirname, it))
  await make('tinyconfig')
  await run('scripts/kconfig/merge_config.sh', ['-m', '.config', ...paths], { cwd: source })
  await make('olddefconfig')
  const config = await readFile(join(source, '.config'), 'utf8')
  for (const path of paths) expectOptions(await readFile(path, 'utf8'), config)
  await make(...images.map((it) => basename(it)), 'modules')
  await make('modules_install', `INSTALL_MOD_PATH=${done}`)
  for (const release of await readdir(join(done, 'lib/modules'))) await rm(join(done, 'lib/modules', release, 'build'))
  await make('headers')
  await mkdir(join(done, 'include'), { recursive: true })
  for (const folder of ['asm', 'asm-generic', 'linux']) {
    await cp(join(source, 'usr/include', folder), join(done, 'include', folder), { recursive: true })
  }
  for (const it of images) await rename(join(source, it), join(done, basename(it)))
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
