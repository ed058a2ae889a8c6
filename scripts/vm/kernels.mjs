// The kernels the virtual machine can boot; each knows how to bring itself into a folder.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newestPackage, run, unpack } from './debian.mjs'

/**
 * @typedef {object} Kernel
 * @property {string} release as `uname -r` says it
 * @property {string} image the bootable kernel: a bzImage or, quicker to start, the ELF file inside it
 * @property {string} root a folder with lib/modules/<release>
 * @property {string[]} samples the sample mediated drivers, built: mtty, mdpy, mbochs
 */

/**
 * @typedef {object} Recipe
 * @property {string[]} tools Debian packages the recipe needs on this machine
 * @property {(work: string) => Promise<Kernel>} fetch
 */

/** @type {Record<string, Recipe>} */
export const kernels = {
  6.1: stock({
    packagePattern: '^linux-image-6\\.1\\.0-[0-9]+-amd64-unsigned$',
    kbuild: () => 'linux-kbuild-6.1',
    source: 'linux-source-6.1',
    compiler: 'gcc-12',
  }),
}

export const defaultKernel = '6.1'

/**
 * A kernel as Debian ships it, with the sample drivers that Debian leaves out built against its headers.
 * @param {{ packagePattern: string, kbuild: (abi: string) => string, source: string, compiler: string }} names
 * @returns {Recipe}
 */
function stock({ packagePattern, kbuild, source, compiler }) {
  return {
    tools: [compiler, 'make', 'xz-utils', 'libelf1'],
    async fetch(work) {
      const { name, version } = await newestPackage(packagePattern, source)
      const release = name.replace(/^linux-image-/, '').replace(/-unsigned$/, '')
      const abi = release.replace(/-amd64$/, '')
      const packages = [name, `linux-headers-${release}`, `linux-headers-${abi}-common`, kbuild(abi), source]
      await unpack(
        packages.map((it) => `${it}=${version}`),
        work,
      )
      await run('depmod', ['-b', work, release])
      const headers = await relocateHeaders(work, release)
      const samples = await buildSamples(work, source, headers)
      const image = await uncompress(join(work, 'boot', `vmlinuz-${release}`), join(work, 'vmlinux'))
      return { release, image, root: work, samples }
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
 * @param {string} work
 * @param {string} source the package of the kernel's source, already unpacked in `work`
 * @param {string} headers
 */
async function buildSamples(work, source, headers) {
  const tarball = join(work, 'usr/src', `${source}.tar.xz`)
  const folder = `${source}/samples/vfio-mdev`
  await run('tar', ['-xJf', tarball, '-C', work, folder])
  const drivers = ['mtty', 'mdpy', 'mbochs']
  const build = join(work, 'samples')
  await mkdir(build)
  for (const file of [...drivers.map((it) => `${it}.c`), 'mdpy-defs.h']) {
    await copyFile(join(work, folder, file), join(build, file))
  }
  await writeFile(join(build, 'Makefile'), `obj-m := ${drivers.map((it) => `${it}.o`).join(' ')}\n`)
  await run('make', ['-C', headers, `M=${build}`, '-j2', 'modules'])
  return drivers.map((it) => join(build, `${it}.ko`))
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
