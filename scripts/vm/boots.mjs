// The boots of the virtual machine: those of `npm test`, and the long matrix of other processors and IOMMUs.
import { kernelName } from './kernels.mjs'

/**
 * @typedef {object} Boot
 * @property {string} kernel
 * @property {string} [iommu] one of the processor's (architectures.mjs)
 * @property {string[]} [files] parts of the test files' paths; all unless told
 * @property {boolean} [twice] a machine that systemd boots, and boots again, with what it had in /etc: test/vm/reboot
 */

export const contract = 'test/contract/'

/** The tests of pages, of the IOMMU and its groups, which differ from a PC's: minutes, not the half hour of all. @type {Boot} */
const armSmoke = {
  kernel: 'arm64-6.12-16k',
  files: [
    'test/vm/machine',
    `${contract}address-space/address-space`,
    `${contract}address-space/raw-mappings`,
    `${contract}address-space/dma.test`,
    `${contract}device.test`,
    `${contract}drivers/edu-job`,
    `${contract}irq/irq.test`,
    `${contract}lifecycle/late-group`,
    `${contract}pci/pci-devices`,
    `${contract}region/access-width`,
    `${contract}region/mapped-region`,
    `${contract}region/region.test`,
  ],
}

/** The other byte order: channel programs, and what the samples show. @type {Boot} */
const s390xSmoke = {
  kernel: 's390x-6.12',
  files: [`${contract}ccw/`, `${contract}drivers/mtty-uart`, `${contract}features/display`],
}

/**
 * Every kernel runs what the library promises; the tests that start many processes, slow in an emulated machine, run
 * whole on one kernel, in a boot of their own: what takes a machine with it takes fewer tests.
 * @type {Boot[]}
 */
const boots = [
  { kernel: '6.1', files: [contract] },
  { kernel: '6.1', files: ['test/vm/'] },
  { kernel: '6.12', files: [contract, 'test/vm/machine', 'test/vm/differential'] },
  {
    kernel: '7',
    files: [
      contract,
      'test/vm/machine',
      'test/vm/main-job',
      'test/vm/samples',
      'test/vm/holders',
      'test/vm/memory-estimate',
      'test/vm/qemu-run',
      'test/vm/differential',
    ],
  },
  { kernel: '7', iommu: 'none', files: [`${contract}address-space/noiommu`] },
  { kernel: '6.1', iommu: 'intel-display', files: ['test/vm/host-screen'] },
  { kernel: '7', iommu: 'intel-display', files: ['test/vm/host-screen', 'test/vm/virtio-vfio'] },
  { kernel: '6.1', twice: true },
  armSmoke,
  s390xSmoke,
]

/** The tests of address spaces, which are the IOMMU's. */
const iommuFiles = [
  'test/vm/machine',
  ...['address-space.test', 'raw-mappings', 'container.test'].map((it) => `${contract}address-space/${it}`),
]

/**
 * The long matrix, by processor, and on a PC by IOMMU. Of s390x not Linux 7.3, which does not survive it when vfio_ccw is
 * unbound from a subchannel that had a mediated device.
 */
const moreBoots = {
  'intel-display': [{ kernel: '6.12', iommu: 'intel-display', files: ['test/vm/host-screen'] }],
  'intel-newer': [{ kernel: '7', iommu: 'intel-newer', files: ['test/vm/igb', 'test/vm/hot-removal'] }],
  amd: [{ kernel: '7', iommu: 'amd', files: iommuFiles }],
  virtio: [{ kernel: '7', iommu: 'virtio', files: iommuFiles }],
  'amd-unsafe': [{ kernel: '7', iommu: 'amd-unsafe', files: ['test/vm/unsafe-interrupts'] }],
  s390x: [{ kernel: 's390x-6.12', files: [contract] }],
  arm64: [
    // its NVMe does not answer after the resets of the rest
    { kernel: 'arm64-7', files: [...(armSmoke.files ?? []), 'test/vm/samples'] },
    { kernel: 'arm64-7', iommu: 'none', files: [`${contract}address-space/noiommu`] },
    { kernel: 'arm64-6.12-16k', files: [contract, 'test/vm/machine', 'test/vm/samples'] },
    { kernel: 'arm64-6.12', files: [contract, 'test/vm/machine', 'test/vm/samples'] },
  ],
}

/**
 * The boots of a processor or of an IOMMU, or those of the kernels named.
 * @param {object} options
 * @param {string} options.arch `all` for every processor, one after the other
 * @param {string | undefined} options.iommu one of the processor's (architectures.mjs); the first unless told
 * @param {boolean} options.smoke of another processor, what differs most
 * @param {string[]} options.kernels
 * @param {boolean} options.twice only machines that are booted twice
 * @returns {Boot[]}
 */
export function chooseBoots({ arch, iommu, smoke, kernels, twice }) {
  const ofArch = smoke ? { arm64: [armSmoke], s390x: [s390xSmoke] } : { x64: boots, ...moreBoots }
  const known = { ...ofArch, all: Object.values(ofArch).flat() }
  const key = iommu ?? arch
  if (kernels.length === 0) {
    if (Object.hasOwn(known, key)) return known[key].filter((boot) => !twice || boot.twice)
    throw new Error(`no boots for ${key}; there are ${Object.keys(known).join(', ')}`)
  }
  const [{ files }] = smoke ? known[key] : [{}]
  return kernels.map((it) => ({
    ...{ kernel: kernelName(arch, it), twice },
    ...(files && { files }),
    ...(iommu && { iommu }),
  }))
}
