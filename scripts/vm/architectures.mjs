// The processors that a guest can have, and what QEMU is told for each.
import { defaultDevices, subchannels } from './devices.mjs'

/**
 * @typedef {object} Architecture
 * @property {string} qemu QEMU's program
 * @property {string} tool Debian's package of it
 * @property {(iommu: boolean) => string[]} machine QEMU's options
 * @property {string[]} devices that a guest has unless told otherwise, in QEMU's words
 * @property {'pci' | 'ccw'} transport how the guest reaches its virtio devices
 * @property {string[]} [nodeOptions] for Node that runs the tests
 * @property {(iommu: boolean) => string[]} commandLine what the kernel is told
 */

/** As Node names processors. @typedef {'x64' | 'arm64' | 's390x'} ArchitectureName */

/** @type {Record<ArchitectureName, Architecture>} */
export const architectures = {
  x64: {
    qemu: 'qemu-system-x86_64',
    tool: 'qemu-system-x86',
    machine: (iommu) => [
      // One processor. With two, Debian 12's QEMU can lose what one writes to its local APIC while the other changes a BAR
      // or resets a bus: without its end of interrupt it hears of no timer again, and the guest sleeps for ever.
      ...['-M', 'q35,kernel-irqchip=split', '-accel', 'tcg', '-cpu', 'max', '-smp', '1'],
      ...(iommu ? ['-device', 'intel-iommu,intremap=on,caching-mode=on'] : []),
    ],
    devices: defaultDevices,
    transport: 'pci',
    commandLine: (iommu) => [
      'console=ttyS0',
      iommu ? 'intel_iommu=on' : 'vfio.enable_unsafe_noiommu_mode=1',
      // A busy host gives the guest too little time for these checks of its clocks.
      ...['no_timer_check', 'tsc=reliable', 'clocksource=tsc'],
    ],
  },
  arm64: {
    qemu: 'qemu-system-aarch64',
    tool: 'qemu-system-arm',
    machine: (iommu) => [
      // A processor with pages of 16 KiB, without the vector registers and signed pointers that cost much if emulated.
      ...[
        '-M',
        `virt,gic-version=3${iommu ? ',iommu=smmuv3' : ''}`,
        '-accel',
        'tcg',
        '-cpu',
        'neoverse-n1',
        '-smp',
        '1',
      ],
    ],
    devices: defaultDevices,
    transport: 'pci',
    commandLine: (iommu) => ['console=ttyAMA0', ...(iommu ? [] : ['vfio.enable_unsafe_noiommu_mode=1'])],
  },
  s390x: {
    qemu: 'qemu-system-s390x',
    tool: 'qemu-system-misc',
    // The model `max` has newer instructions that QEMU 7.2 emulates wrongly: programs and kernels fail in random places.
    machine: () => ['-M', 's390-ccw-virtio', '-accel', 'tcg', '-cpu', 'qemu', '-smp', '1'],
    devices: subchannels,
    transport: 'ccw',
    // Code that V8 made while it ran went wrong there in one run of three, as if a constant were not yet initialized.
    nodeOptions: ['--no-opt', '--no-sparkplug', '--no-maglev', '--regexp-interpret-all'],
    commandLine: (iommu) => ['console=ttysclp0', ...(iommu ? [] : ['vfio.enable_unsafe_noiommu_mode=1'])],
  },
}
