// The processors that a guest can have, their IOMMUs, and what QEMU is told for each.
import { defaultDevices, displayDevices, expressDevices, newerDevices, subchannels } from './devices.mjs'

/**
 * @typedef {object} Iommu
 * @property {string[]} machine QEMU's options for it
 * @property {string[]} commandLine what the kernel is told
 * @property {boolean} [newer] it is a newer QEMU's (newer-qemu.mjs)
 * @property {string[]} [devices] that the guest has beside it, in QEMU's words
 * @property {boolean} [realMode] the kernel begins in real mode, and so sets the video mode that it is told
 * @property {string[]} [instead] devices in place of the processor's usual ones
 */

/**
 * @typedef {object} Architecture
 * @property {string} qemu QEMU's program
 * @property {string} tool Debian's package of it
 * @property {string[]} machine QEMU's options
 * @property {string[]} commandLine what the kernel is told
 * @property {Record<string, Iommu>} iommus by name; the first unless told otherwise
 * @property {string[]} devices that a guest has unless told otherwise, in QEMU's words
 * @property {'pci' | 'ccw'} transport how the guest reaches its virtio devices
 * @property {string[]} [nodeOptions] for Node that runs the tests
 */

/** As Node names processors. @typedef {'x64' | 'arm64' | 's390x'} ArchitectureName */

/** VFIO's noiommu mode is allowed where there is none. @type {Iommu} */
const none = { machine: [], commandLine: ['vfio.enable_unsafe_noiommu_mode=1'] }

/** @type {Record<ArchitectureName, Architecture>} */
export const architectures = {
  x64: {
    qemu: 'qemu-system-x86_64',
    tool: 'qemu-system-x86',
    // One processor. With two, Debian 12's QEMU can lose what one writes to its local APIC while the other changes a BAR
    // or resets a bus: without its end of interrupt it hears of no timer again, and the guest sleeps for ever.
    machine: ['-M', 'q35,kernel-irqchip=split', '-accel', 'tcg', '-cpu', 'max', '-smp', '1'],
    // A busy host gives the guest too little time for these checks of its clocks.
    commandLine: ['console=ttyS0', 'no_timer_check', 'tsc=reliable', 'clocksource=tsc'],
    iommus: {
      intel: {
        machine: ['-device', 'intel-iommu,intremap=on,caching-mode=on'],
        commandLine: ['intel_iommu=on'],
      },
      // With a VGA card, on which the firmware sets up a framebuffer of 800 by 600.
      'intel-display': {
        machine: ['-device', 'intel-iommu,intremap=on,caching-mode=on'],
        commandLine: ['intel_iommu=on', 'vga=0x314'],
        devices: displayDevices,
        realMode: true,
      },
      'intel-newer': {
        newer: true,
        machine: ['-device', 'intel-iommu,intremap=on,caching-mode=on'],
        commandLine: ['intel_iommu=on'],
        devices: newerDevices,
      },
      amd: {
        newer: true,
        machine: ['-device', 'amd-iommu,intremap=on,xtsup=on'],
        // QEMU says that the I/O APIC is 00:14.0, where nothing is: Linux 7 then remaps no interrupt at all.
        commandLine: ['ivrs_ioapic=0@0000:00:1f.0'],
        devices: newerDevices,
      },
      // It remaps no interrupts: VFIO refuses it unless told that this is safe.
      'amd-unsafe': {
        newer: true,
        machine: ['-device', 'amd-iommu'],
        commandLine: [],
      },
      // It remaps no interrupts either.
      virtio: {
        newer: true,
        machine: ['-device', 'virtio-iommu-pci,addr=0x1e'],
        // Linux 7 gives the whole IOMMU up if it does not know one device.
        instead: expressDevices,
        commandLine: ['vfio_iommu_type1.allow_unsafe_interrupts=1', 'iommufd.allow_unsafe_interrupts=1'],
      },
      none,
    },
    devices: defaultDevices,
    transport: 'pci',
  },
  arm64: {
    qemu: 'qemu-system-aarch64',
    tool: 'qemu-system-arm',
    // A processor with pages of 16 KiB, without the vector registers and signed pointers that cost much if emulated.
    machine: ['-M', 'virt,gic-version=3', '-accel', 'tcg', '-cpu', 'neoverse-n1', '-smp', '1'],
    commandLine: ['console=ttyAMA0'],
    iommus: { smmu: { machine: ['-M', 'iommu=smmuv3'], commandLine: [] }, none },
    devices: defaultDevices,
    transport: 'pci',
  },
  s390x: {
    qemu: 'qemu-system-s390x',
    tool: 'qemu-system-misc',
    // The model `max` has newer instructions that QEMU 7.2 emulates wrongly: programs and kernels fail in random places.
    machine: ['-M', 's390-ccw-virtio', '-accel', 'tcg', '-cpu', 'qemu', '-smp', '1'],
    commandLine: ['console=ttysclp0'],
    // Channel programs are translated by the driver, and mediated devices need no IOMMU.
    iommus: { css: { machine: [], commandLine: [] }, none },
    devices: subchannels,
    transport: 'ccw',
    // Code that V8 made while it ran went wrong there in one run of three, as if a constant were not yet initialized.
    nodeOptions: ['--no-opt', '--no-sparkplug', '--no-maglev', '--regexp-interpret-all'],
  },
}

/**
 * The IOMMU of that name, or what a guest of that processor has unless told otherwise.
 * @param {ArchitectureName} arch
 * @param {string} [name]
 */
export function iommuOf(arch, name) {
  const { iommus } = architectures[arch]
  const [usual] = Object.keys(iommus)
  const iommu = iommus[name ?? usual]
  if (iommu === undefined) throw new Error(`no IOMMU ${name}; there are ${Object.keys(iommus).join(', ')}`)
  return iommu
}
