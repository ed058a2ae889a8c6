import { VfioError } from '../../../base/errors.ts'
import { type PciAddress, parsePciAddress, pciAddressOrNull } from '../../../base/units.ts'
import { isNvidiaGpu, makesNoVgpus } from '../../../host/nvidia-gpu.ts'
import { checkOnPciBus } from '../../../host/pci-bus.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { isFound } from '../../device/type-named.ts'
import type { VirtualDeviceKind } from '../../device/virtual-device-kind.ts'
import { settingsPath } from '../../settings/settings.ts'
import { keptFunctions } from '../card-function/kept-functions.ts'
import { parentsOf } from '../mdev/mdev-places.ts'
import { chooseVgpuType } from './choose-type.ts'
import { vgpuDefinitions } from './definitions.ts'
import { listVgpus } from './list-vgpus.ts'
import { isVgpuPlace, vgpuCards } from './place.ts'
import { readVgpuFunction, readVgpuFunctions } from './vgpu-functions.ts'
import { knownTypeName } from './vgpu-type-names.ts'
import { readVgpuTypes } from './vgpu-types.ts'

/**
 * NVIDIA's vGPUs from vGPU 17 on: a virtual function that is given a type, named by its PCI address, which is used
 * again after it. Its definition is ours: mdevctl's store is for what has a UUID.
 */
export const nvidiaVgpuKind: VirtualDeviceKind = {
  kind: 'vgpu',
  takesName: (name) => pciAddressOrNull(name) !== null,
  claims(files, name) {
    const address = pciAddressOrNull(name)
    if (address === null) return false
    return isVgpuPlace(files, address) || files.kind(vgpuDefinitions.settings.path(address)) !== null
  },
  plural: 'vGPUs',
  parents: vgpuCards,
  claimsParent: isVgpuPlace,
  placesOn: (files, card) => readVgpuFunctions(files, card).functions.map(({ address }) => address),
  hasType: (files, card, name) => isVgpuPlace(files, card) && isFound(() => chooseVgpuType(files, card, name)),
  types: (files, filter) => ({ ...readVgpuTypes(files, filter), unsupported: null }),
  list: (files, name) => listVgpus(files, name === undefined ? undefined : (pciAddressOrNull(name) ?? undefined)),
  usesOf(files, address) {
    const type = readVgpuFunction(files, address)?.type ?? 0
    if (type === 0) return []
    const name = knownTypeName(files, type) ?? `type ${type}`
    return [{ what: `${address} is a vGPU (${name})`, end: `vfioctl stop ${address}` }]
  },
  keptForBoot: (files) => keptFunctions(files, 'vgpu', vgpuDefinitions, stateOf),
  definitionFolder: settingsPath,
  notThere(files, name) {
    const address = parsePciAddress(name)
    checkOnPciBus(files, address)
    return new VfioError('NOT_FOUND', `${address} is not a virtual device: it carries no vGPU and none is defined`, {
      hint: `vfioctl list -p ${address}, vfioctl groups ${address}`,
      facts: { device: address },
    })
  },
  missingOn(files, { address, driver, functions }) {
    if (!isNvidiaGpu(files, address) || makesNoVgpus(driver)) return null
    // as vendor-specific VFIO, or as a parent of mediated devices
    const waiting = functions.filter((it) => readVgpuFunction(files, it) === null && parentsOf(files, it).length === 0)
    return waiting.length === 0 ? null : `${waiting.length} of them, such as ${waiting[0]}, show no vGPU types`
  },
  hasShares: false,
  writesBeforeFunctions: () => [],
  withoutPart: () => [],
  verbs: async () => (await import('./nvidia-vgpu-verbs.ts')).nvidiaVgpuVerbs,
}

function stateOf(files: HostFiles, address: PciAddress): string {
  const type = readVgpuFunction(files, address)?.type
  if (type === undefined) return 'function not there'
  return type === null || type === 0 ? 'does not run' : 'runs'
}
