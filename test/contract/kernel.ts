import { randomUUID } from 'node:crypto'
import type { Kernel } from '../../src/kernel/kernel.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { createMockKernel } from '../../src/mock/kernel/mock-kernel.ts'
import { vmScenarioUnderTest } from './vm-scenario.ts'

/** A kernel that the contract suite runs on, and what a test needs to have a device there. */
export interface ContractKernel {
  readonly name: 'mock' | 'linux'
  readonly kernel: Kernel
  /** Makes a mediated device by its parent's `create` attribute; `group` is its IOMMU group. */
  createMdev(parent: string, type: string): Promise<{ readonly uuid: string; readonly group: number }>
  /** Blocks on Linux while the device is open. */
  remove(uuid: string): Promise<void>
}

/**
 * The machine's own kernel where VFIOCTL_TEST_KERNEL is `linux`; else the mock, new and alone, with what the virtual
 * machine has: as the kernel that VFIOCTL_TEST_KERNEL names (`mock-6.12`), or as Linux 6.1.
 */
export function contractKernel(): ContractKernel {
  const kernel = process.env['VFIOCTL_TEST_KERNEL'] === 'linux' ? openLinux() : createMockKernel(vmScenarioUnderTest())
  return {
    name: kernel.name,
    kernel,
    async createMdev(parent, type) {
      const uuid = randomUUID()
      await kernel.files.write(`/sys/class/mdev_bus/${parent}/mdev_supported_types/${type}/create`, uuid)
      const group = Number(kernel.files.readlink(`/sys/bus/mdev/devices/${uuid}/iommu_group`).split('/').at(-1))
      return { uuid, group }
    },
    remove: (uuid) => kernel.files.write(`/sys/bus/mdev/devices/${uuid}/remove`, '1'),
  }
}

/** The kernel under test is older than Linux `major`.`minor`. */
export function isLinuxBefore({ kernel }: { readonly kernel: Kernel }, major: number, minor: number): boolean {
  const [, itsMajor, itsMinor] = /^(\d+)\.(\d+)/.exec(kernel.files.read('/proc/sys/kernel/osrelease')) ?? []
  return Number(itsMajor) < major || (Number(itsMajor) === major && Number(itsMinor) < minor)
}
