// The kernels the virtual machine can boot; each knows how to bring itself into a folder.
import { custom } from './custom-kernel.mjs'
import { stock } from './stock-kernel.mjs'

/**
 * @typedef {object} Kernel
 * @property {string} release as `uname -r` says it
 * @property {string} image the bootable kernel: a bzImage or, quicker to start, the ELF file inside it
 * @property {string} [bzImage] the same with the code of real mode before it, which sets a video mode
 * @property {string} root a folder with lib/modules/<release>
 * @property {string[]} samples the sample mediated drivers, built: mtty, mdpy, mbochs; and what they need, first
 * @property {string} [headers] a folder with the kernel's headers for user programs
 */

/**
 * @typedef {object} Recipe
 * @property {import('./architectures.mjs').ArchitectureName} arch the processor it is for
 * @property {string[]} tools Debian packages the recipe needs on this machine
 * @property {string[]} drivers of the emulated devices that this kernel has, besides VFIO's
 * @property {string[]} files of this folder: they decide the recipe's result
 * @property {object} names of packages and files that decide it too
 * @property {(work: string) => Promise<Kernel>} fetch into `work`; what takes minutes to make stays in the cache
 */

const linux612 = {
  suite: 'bookworm-backports',
  kbuild: (/** @type {string} */ abi) => `linux-kbuild-${abi}`,
  source: 'linux-source-6.12',
}
const linux7 = { suite: 'trixie-backports', sourcePattern: '^linux-source-7\\.[0-9]+$' }

/** @type {Record<string, Recipe>} */
export const kernels = {
  6.1: stock({
    packagePattern: '^linux-image-6\\.1\\.0-[0-9]+-amd64-unsigned$',
    kbuild: () => 'linux-kbuild-6.1',
    source: 'linux-source-6.1',
    compilers: ['gcc-12'],
  }),
  6.12: stock({
    ...linux612,
    packagePattern: '^linux-image-6\\.12\\.[0-9]+\\+deb12-amd64-unsigned$',
    compilers: ['gcc-12'],
  }),
  7: custom({ ...linux7, fragments: ['7.config', '7-x64.config'] }),
  's390x-7': custom({ ...linux7, arch: 's390x', fragments: ['7.config', '7-s390x.config'] }),
  's390x-6.12': stock({
    ...linux612,
    arch: 's390x',
    flavour: 's390x',
    packagePattern: '^linux-image-6\\.12\\.[0-9]+\\+deb12-s390x$',
    compilers: ['gcc-12', 'gcc-12-s390x-linux-gnu'],
  }),
  'arm64-7': custom({ ...linux7, arch: 'arm64', fragments: ['7.config', '7-arm64.config'] }),
  'arm64-6.12': stockForArm64('arm64'),
  'arm64-6.12-16k': stockForArm64('arm64-16k'),
}

/** @type {Record<import('./architectures.mjs').ArchitectureName, string>} */
export const defaultKernels = { x64: '6.1', arm64: 'arm64-6.12-16k', s390x: 's390x-6.12' }

/**
 * The kernel that `--arch` and `--kernel` name.
 * @param {string} arch
 * @param {string} [kernel]
 */
export function kernelName(arch, kernel) {
  if (!Object.hasOwn(defaultKernels, arch)) {
    throw new Error(`no processor ${arch}; there are ${Object.keys(defaultKernels).join(', ')}`)
  }
  if (kernel === undefined) return defaultKernels[arch]
  const ofArch = `${arch}-${kernel}`
  return Object.hasOwn(kernels, ofArch) ? ofArch : kernel
}

/** Pages of 4 KiB, or of 16. @param {'arm64' | 'arm64-16k'} flavour */
function stockForArm64(flavour) {
  return stock({
    ...linux612,
    arch: 'arm64',
    flavour,
    packagePattern: `^linux-image-6\\.12\\.[0-9]+\\+deb12-${flavour}-unsigned$`,
    compilers: ['gcc-12', 'gcc-12-aarch64-linux-gnu'],
  })
}
