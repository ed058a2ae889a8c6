import { pciAddressOrNull } from '../../../base/units.ts'
import type { VirtualDeviceKind } from '../../device/virtual-device-kind.ts'
import { vgpuSettings } from './definitions.ts'
import { listVgpus } from './list-vgpus.ts'
import { isVgpuPlace } from './place.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import { knownTypeName } from './vgpu-type-names.ts'
import { readVgpuTypes } from './vgpu-types.ts'

/**
 * NVIDIA's vGPUs from vGPU 17 on: a virtual function that is given a type, named by its PCI address, which is used again
 * after it. Its definition is ours: mdevctl's store is for what has a UUID.
 */
export const nvidiaVgpuKind: VirtualDeviceKind = {
  kind: 'vgpu',
  takesName: (name) => pciAddressOrNull(name) !== null,
  claims(files, name) {
    const address = pciAddressOrNull(name)
    if (address === null) return false
    return isVgpuPlace(files, address) || files.kind(vgpuSettings.path(address)) !== null
  },
  claimsParent: isVgpuPlace,
  types: (files, filter) => ({ ...readVgpuTypes(files, filter), unsupported: null }),
  list: (files, name) => listVgpus(files, name === undefined ? undefined : (pciAddressOrNull(name) ?? undefined)),
  usesOf(files, address) {
    const type = readVgpuFunction(files, address)?.type ?? 0
    if (type === 0) return []
    const name = knownTypeName(files, type) ?? `type ${type}`
    return [{ what: `${address} is a vGPU (${name})`, end: `vfioctl stop ${address}` }]
  },
  verbs: async () => (await import('./nvidia-vgpu-verbs.ts')).nvidiaVgpuVerbs,
}
