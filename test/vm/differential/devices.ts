import type { HostFiles } from '../../../src/kernel/kernel.ts'
import { type Call, type Target, targets } from './call.ts'

/** By which VFIO and sysfs know them. */
export const names: Readonly<Record<Target, string>> = {
  mtty: '5f000000-0000-4000-8000-00000000000a',
  mdpy: '5f000000-0000-4000-8000-00000000000b',
  edu: '0000:01:00.0',
}
const types = { mtty: 'mtty-2', mdpy: 'mdpy-vga' } as const

export function folderOf(target: Target): string {
  return `/sys/bus/${target === 'edu' ? 'pci' : 'mdev'}/devices/${names[target]}`
}

/** The number of its IOMMU group. */
export function groupOf(files: HostFiles, target: Target): string {
  return (
    files
      .readlink(`${folderOf(target)}/iommu_group`)
      .split('/')
      .at(-1) ?? ''
  )
}

/** A text of a call, with names and groups for what stands for them. */
export function named(files: HostFiles, text: string): string {
  return targets.reduce(
    (result, target) =>
      result.replaceAll(`$(${target})`, () => groupOf(files, target)).replaceAll(`$${target}`, names[target]),
    text,
  )
}

/** The devices that these calls are about. */
export async function makeDevices(files: HostFiles, calls: readonly Call[]): Promise<void> {
  const text = JSON.stringify(calls)
  for (const target of targets) {
    if (!text.includes(target)) continue
    if (target === 'edu') await bindEdu(files)
    else await files.write(`/sys/class/mdev_bus/${target}/mdev_supported_types/${types[target]}/create`, names[target])
  }
}

export async function removeMdevs(files: HostFiles): Promise<void> {
  for (const uuid of files.list('/sys/bus/mdev/devices')) {
    await files.write(`/sys/bus/mdev/devices/${uuid}/remove`, '1')
  }
}

export async function bindEdu(files: HostFiles): Promise<void> {
  const path = folderOf('edu')
  await files.write(`${path}/driver_override`, 'vfio-pci')
  if (files.kind(`${path}/driver`) === null) await files.write('/sys/bus/pci/drivers_probe', names.edu)
}

/** Takes it away from vfio-pci. */
export async function releaseEdu(files: HostFiles): Promise<void> {
  const path = folderOf('edu')
  await files.write(`${path}/driver_override`, '\n')
  if (files.kind(`${path}/driver`) !== null) await files.write(`${path}/driver/unbind`, names.edu)
}
