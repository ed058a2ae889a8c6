// A kernel as Debian ships it.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { machineArchive, newestPackage, suiteArchive, unpack } from './archive.mjs'
import { run } from './debian.mjs'

/** Of the emulated devices, besides VFIO's. */
const drivers = {
  x64: ['nvme', 'e1000e', 'ahci', 'i2c-i801', 'xhci-pci', 'pci-stub', 'uio_pci_generic', 'loop', 'btrfs', 'bochs'],
  arm64: ['nvme', 'e1000e', 'xhci-pci', 'pci-stub', 'uio_pci_generic', 'loop', 'btrfs'],
  s390x: ['nvme', 'pci-stub', 'loop', 'btrfs'],
}

/**
 * A module of the kernel's own that Debian leaves out.
 * @typedef {{ name: string, folder: string, objects: string[] }} OwnModule
 */

/** @type {OwnModule} */
const mdev = { name: 'mdev', folder: 'drivers/vfio/mdev', objects: ['mdev_core', 'mdev_driver', 'mdev_sysfs'] }

/** @type {OwnModule} */
const vfioCcw = {
  name: 'vfio_ccw',
  folder: 'drivers/s390/cio',
  objects: ['drv', 'cp', 'ops', 'fsm', 'async', 'chp', 'trace'].map((it) => `vfio_ccw_${it}`),
}

/** Modules that Debian leaves out besides the samples, in the order to load: no driver in its kernels has mediated devices. */
const leftOut = { x64: [], arm64: [mdev], s390x: [mdev, vfioCcw] }

/**
 * A kernel as Debian ships it, with the sample drivers that Debian leaves out built against its headers.
 * `suite` names one that the machine's own sources need not have; a kernel for another processor comes from one.
 * @param {object} names
 * @param {string} [names.suite]
 * @param {import('./architectures.mjs').ArchitectureName} [names.arch] x64 unless told
 * @param {string} [names.flavour] the end of the package's name: amd64 unless told
 * @param {string} names.packagePattern
 * @param {(abi: string) => string} names.kbuild
 * @param {string} names.source
 * @param {string[]} names.compilers
 * @returns {import('./kernels.mjs').Recipe}
 */
export function stock({ suite, arch = 'x64', flavour = 'amd64', packagePattern, kbuild, source, compilers }) {
  return {
    arch,
    files: ['stock-kernel.mjs'],
    names: { suite, flavour, packagePattern, kbuild: kbuild('ABI'), source, compilers },
    drivers: drivers[arch],
    tools: [...compilers, 'make', 'xz-utils', 'libelf1', 'pahole'],
    async fetch(work) {
      const own = suite ? await suiteArchive(suite, join(work, 'apt')) : machineArchive
      const archive = suite && arch !== 'x64' ? await suiteArchive(suite, join(work, `apt-${arch}`), arch) : own
      const { name, version } = await newestPackage(archive, packagePattern, source)
      const release = name.replace(/^linux-image-/, '').replace(/-unsigned$/, '')
      const abi = release.slice(0, -`-${flavour}`.length)
      const ofVersion = (/** @type {string} */ it) => `${it}=${version}`
      await unpack(archive, [name, `linux-headers-${release}`].map(ofVersion), work)
      // The programs among the headers run here, whatever the kernel is for.
      await unpack(own, [`linux-headers-${abi}-common`, kbuild(abi), source].map(ofVersion), work)
      await run('depmod', ['-b', work, release])
      const headers = await relocateHeaders(work, release)
      const samples = await buildModules(work, { source, headers, own: leftOut[arch] })
      const image = join(work, 'boot', `vmlinuz-${release}`)
      return {
        release,
        image: arch === 'x64' ? await uncompress(image, join(work, 'vmlinux')) : image,
        ...(arch === 'x64' ? { bzImage: image } : {}),
        root: work,
        samples,
      }
    },
  }
}

/**
 * The headers' Makefile names its other half by the path it is installed at; this one is not installed.
 * @param {string} work
 * @param {string} release
 */
async function relocateHeaders(work, release) {
  const headers = join(work, 'usr/src', `linux-headers-${release}`)
  const makefile = join(headers, 'Makefile')
  await writeFile(makefile, (await readFile(makefile, 'utf8')).replace('/usr/src/', join(work, 'usr/src/')))
  return headers
}

/**
 * The modules in the order to load them.
 * @param {string} work
 * @param {object} from
 * @param {string} from.source the package of the kernel's source, already unpacked in `work`
 * @param {string} from.headers
 * @param {OwnModule[]} from.own besides the samples
 */
async function buildModules(work, { source, headers, own }) {
  const tarball = join(work, 'usr/src', `${source}.tar.xz`)
  const folders = ['samples/vfio-mdev', ...own.map(({ folder }) => folder)].map((it) => `${source}/${it}`)
  await run('tar', ['-xJf', tarball, '-C', work, ...folders])
  const build = join(work, 'samples')
  await mkdir(build)
  for (const folder of folders) {
    for (const name of await readdir(join(work, folder))) {
      if (/\.[ch]$/.test(name)) await copyFile(join(work, folder, name), join(build, name))
    }
  }
  const objects = (/** @type {string[]} */ names) => names.map((it) => `${it}.o`).join(' ')
  const modules = [...own.map(({ name }) => name), 'mtty', 'mdpy', 'mbochs']
  const lines = [
    `obj-m := ${objects(modules)}`,
    ...own.map(({ name, objects: parts }) => `${name}-y := ${objects(parts)}`),
    // a driver's trace events are found by its own folder
    'ccflags-y := -I$(src)',
  ]
  await writeFile(join(build, 'Makefile'), `${lines.join('\n')}\n`)
  await run('make', ['-C', headers, `M=${build}`, '-j2', 'modules'])
  return modules.map((it) => join(build, `${it}.ko`))
}

/**
 * Emulated, a kernel takes 2 s to unpack itself; QEMU starts the ELF file inside it at once (CONFIG_PVH).
 * Offsets are those of the kernel's Documentation/arch/x86/boot.rst: setup_sects, payload_offset, payload_length.
 * @param {string} bzImage
 * @param {string} vmlinux
 * @returns {Promise<string>} the file to boot
 */
async function uncompress(bzImage, vmlinux) {
  const file = await readFile(bzImage)
  const start = (file.readUInt8(0x1f1) + 1) * 512 + file.readUInt32LE(0x248)
  const payload = file.subarray(start, start + file.readUInt32LE(0x24c))
  const xzMagic = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00])
  if (!payload.subarray(0, xzMagic.length).equals(xzMagic)) return bzImage
  await writeFile(`${vmlinux}.xz`, payload)
  // The payload ends with its uncompressed size, which is not xz's.
  await run('sh', ['-c', 'xz -dc --single-stream "$0.xz" >"$0"', vmlinux])
  return vmlinux
}
