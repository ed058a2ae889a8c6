// A kernel as Debian ships it.
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { machineArchive, newestPackage, suiteArchive, unpack } from './archive.mjs'
import { run } from './debian.mjs'

/**
 * A kernel as Debian ships it, with the sample drivers that Debian leaves out built against its headers.
 * `suite` names one that the machine's own sources need not have.
 * @param {{ suite?: string, packagePattern: string, kbuild: (abi: string) => string, source: string, compiler: string }} names
 * @returns {import('./kernels.mjs').Recipe}
 */
export function stock({ suite, packagePattern, kbuild, source, compiler }) {
  return {
    files: ['stock-kernel.mjs', 'kernels.mjs'],
    drivers: ['nvme', 'e1000e', 'ahci', 'i2c-i801', 'xhci-pci', 'pci-stub', 'uio_pci_generic', 'loop', 'btrfs'],
    tools: [compiler, 'make', 'xz-utils', 'libelf1', 'pahole'],
    async fetch(work) {
      const archive = suite ? await suiteArchive(suite, join(work, 'apt')) : machineArchive
      const { name, version } = await newestPackage(archive, packagePattern, source)
      const release = name.replace(/^linux-image-/, '').replace(/-unsigned$/, '')
      const abi = release.replace(/-amd64$/, '')
      const packages = [name, `linux-headers-${release}`, `linux-headers-${abi}-common`, kbuild(abi), source]
      await unpack(
        archive,
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
