// The kernels the virtual machine can boot; each knows how to bring itself into a folder.
import { custom } from './custom-kernel.mjs'
import { stock } from './stock-kernel.mjs'

/**
 * @typedef {object} Kernel
 * @property {string} release as `uname -r` says it
 * @property {string} image the bootable kernel: a bzImage or, quicker to start, the ELF file inside it
 * @property {string} root a folder with lib/modules/<release>
 * @property {string[]} samples the sample mediated drivers, built: mtty, mdpy, mbochs
 * @property {string} [headers] a folder with the kernel's headers for user programs
 */

/**
 * @typedef {object} Recipe
 * @property {string[]} tools Debian packages the recipe needs on this machine
 * @property {string[]} drivers of the emulated devices that this kernel has, besides VFIO's
 * @property {string[]} files what decides the recipe's result, in this folder
 * @property {(work: string) => Promise<Kernel>} fetch into `work`; what takes minutes to make stays in the cache
 */

/** @type {Record<string, Recipe>} */
export const kernels = {
  6.1: stock({
    packagePattern: '^linux-image-6\\.1\\.0-[0-9]+-amd64-unsigned$',
    kbuild: () => 'linux-kbuild-6.1',
    source: 'linux-source-6.1',
    compiler: 'gcc-12',
  }),
  6.12: stock({
    suite: 'bookworm-backports',
    packagePattern: '^linux-image-6\\.12\\.[0-9]+\\+deb12-amd64-unsigned$',
    kbuild: (abi) => `linux-kbuild-${abi}`,
    source: 'linux-source-6.12',
    compiler: 'gcc-12',
  }),
  7: custom({ suite: 'trixie-backports', sourcePattern: '^linux-source-7\\.[0-9]+$', fragment: '7.config' }),
}

export const defaultKernel = '6.1'
