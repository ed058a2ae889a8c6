import type { ScenarioPciDevice, ScenarioPciFunction } from '../scenario/scenario.ts'

/** The directories that every host has, and its accounts: root's, and those of a host with virtual machines. */
export const plainDisk: Readonly<Record<string, string | null>> = {
  '/etc': null,
  '/etc/group': 'root:x:0:\nkvm:x:108:\n',
  '/etc/mdevctl.d': null,
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nlibvirt-qemu:x:64055:108::/var/lib/libvirt:/usr/sbin/nologin\n',
  '/run': null,
  '/tmp': null,
  '/usr': null,
  '/usr/lib': null,
  '/var': null,
  '/var/lib': null,
}

/** Debian's initramfs-tools and udev, and the image of a kernel of that release. */
export function initramfsOf(release: string): Readonly<Record<string, string | null>> {
  return {
    '/boot': null,
    [`/boot/initrd.img-${release}`]: 'usr/lib/systemd/systemd-udevd\n',
    '/etc/initramfs-tools': null,
    '/etc/initramfs-tools/hooks': null,
    '/usr/bin': null,
    '/usr/bin/cp': '',
    '/usr/bin/lsinitramfs': '#!/bin/sh\n',
    '/usr/bin/stat': '',
    '/usr/lib/udev': null,
    '/usr/lib/udev/rules.d': null,
    '/usr/lib/udev/rules.d/80-drivers.rules': '',
    '/usr/sbin': null,
    '/usr/sbin/update-initramfs': '#!/bin/sh\n',
    '/usr/share': null,
    '/usr/share/initramfs-tools': null,
    '/usr/share/initramfs-tools/hook-functions': '# -*- shell-script -*-\n',
  }
}

/** The script of NVIDIA's driver that makes virtual functions, on hosts that have it. */
export const sriovManagePath = '/usr/lib/nvidia/sriov-manage'

/** NVIDIA's tool for its cards, likewise. */
export const nvidiaSmiPath = '/usr/bin/nvidia-smi'

/** A PCI device of a scenario, with ids as lspci writes them: '8086:3e30'. */
export function pciDevice(
  address: string,
  id: string,
  rest: Pick<ScenarioPciDevice, 'class' | 'revision' | 'driver' | 'iommuGroup'> & Partial<ScenarioPciDevice>,
): ScenarioPciDevice {
  const [vendor = '', device = ''] = id.split(':').map((part) => `0x${part}`)
  const subsystem = { subsystemVendor: '0x1028', subsystemDevice: '0x0869' }
  return { address, vendor, device, ...subsystem, numaNode: -1, ...rest }
}

/** A 64-bit BAR of memory, and the capability that says it has function level reset. */
export function memory(bar: number): ScenarioPciFunction {
  const config = {
    '0x04': '02001000',
    '0x10': '0c000000',
    '0x34': '40',
    '0x40': '1000020000800010',
  }
  return {
    kind: 'memory',
    configSize: 4096,
    config,
    bars: { '0': bar },
    rom: 0,
    reset: true,
  }
}
