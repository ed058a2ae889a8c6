import { failedWith } from '../../../base/system-error.ts'
import { type PciAddress, printable } from '../../../base/units.ts'
import { findDeviceNode } from '../../../host/device-node.ts'
import { boundDriver, iommuGroup } from '../../../host/group-members.ts'
import { pciAddresses } from '../../../host/pci-bus.ts'
import { pciPath, physicalFunctionOf, readPhysicalFunction } from '../../../host/sriov.ts'
import { readOrWarn, unreadable, type Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/**
 * A virtual function that can be made a vGPU: its driver shows folder nvidia/ (vendor-specific VFIO, since Linux 6.8
 * and vGPU 17; there is no mediated device in it).
 */
export interface VgpuFunction {
  readonly address: PciAddress
  readonly physfn: PciAddress
  /** NVIDIA's own driver, or the one proposed for the kernel: they answer differently. */
  readonly driverModel: 'proprietary' | 'open'
  /** The id of the type that it has, 0 for none; null if its driver says nothing readable. */
  readonly type: number | null
  /** IOMMU group and the nodes that open it, with a type or without; null if there is none. */
  readonly group: number | null
  readonly node: string | null
  readonly deviceNode: string | null
}

/** Names that its users are found by: its nodes, and its address, by which /proc may tell it. */
export function openedAs({ address, node, deviceNode }: VgpuFunction): string[] {
  return [node, deviceNode, address].filter((it) => it !== null)
}

/** The attribute that makes and removes a function's vGPU. */
export function currentTypePath(address: PciAddress): string {
  return `${pciPath(address)}/nvidia/current_vgpu_type`
}

/** Every one on the bus, sorted by address, or those of one physical function. */
export function readVgpuFunctions(
  files: HostFiles,
  physfn?: PciAddress,
): { functions: VgpuFunction[]; warnings: Warning[] } {
  const warnings: Warning[] = []
  const addresses =
    physfn === undefined
      ? pciAddresses(files, warnings)
      : (readPhysicalFunction(files, physfn, warnings)?.functions.toSorted() ?? [])
  const functions = addresses.flatMap((address) => {
    return readOrWarn(pciPath(address), warnings, null, () => readVgpuFunction(files, address, warnings)) ?? []
  })
  return { functions, warnings }
}

/** One of them; null for a device that is none, or that just went. */
export function readVgpuFunction(files: HostFiles, address: PciAddress, warnings: Warning[] = []): VgpuFunction | null {
  if (files.kind(currentTypePath(address)) === null) return null
  const path = pciPath(address)
  const physfn = physicalFunctionOf(files, address)
  if (physfn === null) {
    warnings.push({ path: `${path}/physfn`, message: 'is missing beside nvidia/: this is not a virtual function' })
    return null
  }
  const group = iommuGroup(files, path)
  const node = group === null ? null : `/dev/vfio/${group}`
  return {
    address,
    physfn,
    driverModel: boundDriver(files, `${path}/driver`) === 'nvidia' ? 'proprietary' : 'open',
    type: readCurrentType(files, address, warnings),
    group,
    node: node === null || files.kind(node) === null ? null : node,
    deviceNode: findDeviceNode(files, { group, name: address })?.path ?? null,
  }
}

/** Ids are unsigned, of 32 bits. */
export function readCurrentType(files: HostFiles, address: PciAddress, warnings: Warning[] = []): number | null {
  const path = currentTypePath(address)
  try {
    const text = files.read(path).trim()
    if (/^\d{1,10}$/.test(text) && Number(text) <= 0xffff_ffff) return Number(text)
    warnings.push({ path, message: `says '${printable(text)}', which is not an id of a type` })
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) warnings.push(unreadable(path, error))
  }
  return null
}
