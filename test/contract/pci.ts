import { onTestFinished, type TestContext } from 'vitest'
import type { DeviceAddress } from '../../src/host/device-node.ts'
import type { HostFiles, Kernel } from '../../src/kernel/kernel.ts'
import { type Device, openDevice } from '../../src/vfio/device.ts'
import { type ContractKernel, contractKernel } from './kernel.ts'
import { page, sharesRequesterIds } from './machine.ts'

/** The PCI devices of the machine that the suite knows: the guest's (scripts/vm/devices.mjs), and the mock's (vm-scenario.ts). */
export const addresses = {
  /** Alone in its group, cannot be reset. */
  edu: '0000:00:03.0',
  /** The same device behind a root port: it can be reset. */
  'edu-root-port': '0000:01:00.0',
  /** Two that share a group with the bridge above them. */
  'edu-shared-1': '0000:02:01.0',
  'edu-shared-2': '0000:02:02.0',
  e1000e: '0000:03:00.0',
  nvme: '0000:04:00.0',
  'pci-testdev': '0000:00:08.0',
  ivshmem: '0000:00:09.0',
  'bochs-display': '0000:00:0a.0',
  xhci: '0000:00:0b.0',
} as const

export type PciName = keyof typeof addresses

export interface BoundPci extends ContractKernel {
  /** Its address, by which its group knows it. */
  readonly address: string
  /** Number of its IOMMU group. */
  readonly group: number
}

export interface OpenPci extends BoundPci {
  readonly device: Device
}

type OpenOptions = Parameters<typeof openDevice> extends [Kernel, DeviceAddress, ...infer Rest] ? Rest : never

/** A PCI device with its whole group on vfio-pci, opened; closed and given back after the test. */
export async function openPci(context: TestContext, name: PciName, ...options: OpenOptions): Promise<OpenPci> {
  const bound = await bindPci(context, name)
  const device = openDevice(bound.kernel, { group: bound.group, name: bound.address }, ...options)
  onTestFinished(() => device.close())
  return { ...bound, device }
}

/**
 * Gives a PCI device and the other endpoints of its group to vfio-pci until the test is over; whoever opens it closes it
 * by then. For several devices of one machine, hand the first one's kernel to the next. Skips the test where the machine
 * has no such device.
 */
export async function bindPci(
  { skip }: TestContext,
  name: PciName,
  contract: ContractKernel = newContract(),
): Promise<BoundPci> {
  const { files } = contract.kernel
  const address = addresses[name]
  const path = `/sys/bus/pci/devices/${address}`
  if (files.kind(path) === null) {
    skip(contract.name === 'mock' ? `the mock ships no ${name} yet` : `the machine has no ${name} at ${address}`)
  }
  if (files.kind('/sys/bus/pci/drivers/vfio-pci') === null) skip('vfio-pci is not loaded')
  if (name.startsWith('edu-shared') && !sharesRequesterIds) {
    skip("the SMMU's driver takes one of the devices behind a conventional bridge")
  }
  const members = files.kind(`${path}/iommu_group`) === null ? [address] : files.list(`${path}/iommu_group/devices`)
  for (const member of members) if (isEndpoint(files, member)) await bindUntilTested(files, member)
  return { ...contract, address, group: groupOf(files, address) }
}

function groupOf(files: HostFiles, address: string): number {
  return Number(files.readlink(`/sys/bus/pci/devices/${address}/iommu_group`).split('/').at(-1))
}

function newContract(): ContractKernel {
  const contract = contractKernel()
  onTestFinished(() => contract.kernel.dispose())
  return contract
}

/** Bridges stay with their driver: a group is viable beside them. */
function isEndpoint(files: HostFiles, address: string): boolean {
  return !files.read(`/sys/bus/pci/devices/${address}/class`).startsWith('0x0604')
}

async function bindUntilTested(files: HostFiles, address: string): Promise<void> {
  const path = `/sys/bus/pci/devices/${address}`
  const before = driverOf(files, address)
  if (before === 'vfio-pci') return
  onTestFinished(async () => {
    await files.write(`${path}/driver_override`, '\n')
    checkLetGo(files, address)
    if (driverOf(files, address) === 'vfio-pci') await files.write(`${path}/driver/unbind`, address)
    if (before !== null) await files.write('/sys/bus/pci/drivers_probe', address)
  })
  await files.write(`${path}/driver_override`, 'vfio-pci')
  if (before !== null) await files.write(`${path}/driver/unbind`, address)
  await files.write('/sys/bus/pci/drivers_probe', address)
  if (driverOf(files, address) !== 'vfio-pci') throw new Error(`vfio-pci did not take ${address}`)
}

/** If a BAR is memory and fills pages or begins one: only then vfio-pci lets it be mapped. */
export function hasOwnPages({ regions }: Device, { index, size }: { index: number; size: number }): boolean {
  const register = regions.config.read32(0x10 + 4 * index)
  const isIo = (register & 1) !== 0
  return !isIo && (size >= page || (register & ~0xf) % page === 0)
}

/** Null where no driver has the device. */
export function driverOf(files: HostFiles, address: string): string | null {
  const link = `/sys/bus/pci/devices/${address}/driver`
  return files.kind(link) === null ? null : (files.readlink(link).split('/').at(-1) ?? null)
}

/** Unbinding a device that this process still has open, by its group's node or its own, would never return. */
function checkLetGo(files: HostFiles, address: string): void {
  const path = `/sys/bus/pci/devices/${address}`
  const nodes = [
    ...(files.kind(`${path}/iommu_group`) === null ? [] : [`/dev/vfio/${groupOf(files, address)}`]),
    ...(files.kind(`${path}/vfio-dev`) === null ? [] : files.list(`${path}/vfio-dev`)).map(
      (name) => `/dev/vfio/devices/${name}`,
    ),
  ]
  const left = files.list('/proc/self/fd').flatMap((fd) => linkOf(files, fd) ?? [])
  const open = nodes.filter((node) => left.includes(node))
  if (open.length > 0) throw new Error(`the test left ${open.join(' and ')} open`)
}

/** The descriptor that lists the folder is in the list and gone afterwards. */
function linkOf(files: HostFiles, fd: string): string | null {
  try {
    return files.readlink(`/proc/self/fd/${fd}`)
  } catch {
    return null
  }
}
