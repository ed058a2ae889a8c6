import type { PciAddress } from '../../../base/units.ts'
import type { Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { StoredFunction } from '../../device/function-definitions.ts'
import type { Listed } from '../../device/virtual-device.ts'
import { vgpuDefinitions } from './definitions.ts'
import { openedAs, readVgpuFunctions, type VgpuFunction } from './vgpu-functions.ts'
import { type VgpuIdentity, vgpuIdentity } from './vgpu-identity.ts'
import { knownTypeName } from './vgpu-type-names.ts'

/** Functions that are vGPUs or are defined to be, or that of one address. */
export function listVgpus(
  files: HostFiles,
  only?: PciAddress,
): { listed: Listed<VgpuIdentity>[]; warnings: Warning[] } {
  const present = readVgpuFunctions(files)
  const stored = vgpuDefinitions.list(files)
  const functions = new Map(present.functions.map((found) => [found.address, found]))
  const definitions = new Map(stored.definitions.map((found) => [found.address, found]))
  const running = present.functions.filter(({ type }) => type !== null && type !== 0).map(({ address }) => address)
  const listed = [...new Set([...running, ...definitions.keys()])]
    .filter((address) => only === undefined || address === only)
    .map((address) => listVgpu(files, address, functions.get(address), definitions.get(address)))
  return { listed, warnings: [...present.warnings, ...stored.warnings] }
}

function listVgpu(
  files: HostFiles,
  address: PciAddress,
  found: VgpuFunction | undefined,
  stored: StoredFunction | undefined,
): Listed<VgpuIdentity> {
  const id = found?.type ?? 0
  const active = id !== 0
  const type = active ? String(id) : (stored?.definition.type ?? '')
  const device = {
    ...vgpuIdentity(address),
    parent: found?.physfn ?? stored?.parent ?? '',
    type,
    typeName: knownTypeName(files, Number(type)),
    active,
    definition: stored?.definition ?? null,
    group: active ? (found?.group ?? null) : null,
    node: active ? (found?.node ?? null) : null,
    users: [],
  }
  return { device, openedAs: active && found !== undefined ? openedAs(found) : [] }
}
