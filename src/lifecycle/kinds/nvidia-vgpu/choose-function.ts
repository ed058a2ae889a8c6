import { VfioError } from '../../../base/errors.ts'
import { findDeviceUsers } from '../../../host/device-users.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { NamedType } from '../../device/type-named.ts'
import { vgpuDefinitions } from './definitions.ts'
import type { VgpuPlace } from './place.ts'
import { vgpuRefused } from './refusal.ts'
import { openedAs, readVgpuFunction, type VgpuFunction } from './vgpu-functions.ts'
import { readCreatableTypes } from './vgpu-types.ts'

/**
 * The function to make a vGPU: the one that was named, which may be of that type already, or a free one of the card
 * that is offered the type, that nobody has open and that is not defined to be another.
 */
export function chooseFunction(files: HostFiles, { card, functions }: VgpuPlace, type: NamedType): VgpuFunction {
  // as they are now: under the lock of the card
  const now = functions.flatMap(({ address }) => readVgpuFunction(files, address) ?? [])
  const [only] = now
  if (functions.length === 1 && only !== undefined) return named(files, only, type)
  const free = now.filter((it) => it.type === 0)
  const offered = free.filter((it) => offers(files, it, type))
  const users = findDeviceUsers(files, new Set(offered.flatMap(openedAs)))
  const unused = offered.filter((it) => openedAs(it).every((name) => !users.has(name)))
  const chosen = unused.find(({ address }) => files.kind(vgpuDefinitions.settings.path(address)) === null)
  if (chosen !== undefined) return chosen
  if (offered.length === 0 && free.length > 0) throw vgpuRefused(files, { card, address: null, type })
  const taken = now.length - free.length
  throw new VfioError(
    'NO_INSTANCE_LEFT',
    `${card} has no free function for ${type.type}: of ${now.length}, ${taken} are vGPUs, ` +
      `${offered.length - unused.length} are open, and ${unused.length} are defined to be others`,
    {
      hint: `vfioctl list -p ${card}; a function can be named: vfioctl start -p ADDRESS -t ${type.type}`,
      facts: { card, type: type.type, functions: now.length, vgpus: taken },
    },
  )
}

function named(files: HostFiles, vgpu: VgpuFunction, type: NamedType): VgpuFunction {
  const { address, physfn: card } = vgpu
  if (String(vgpu.type) === type.type || vgpu.type === 0) return vgpu
  if (vgpu.type !== null) throw vgpuRefused(files, { card, address, type })
  throw new VfioError('SYSTEM_CALL_FAILED', `${address} does not say which type it has`, {
    hint: `cat /sys/bus/pci/devices/${address}/nvidia/current_vgpu_type`,
    facts: { device: address },
  })
}

function offers(files: HostFiles, { address }: VgpuFunction, { type }: NamedType): boolean {
  return readCreatableTypes(files, address).some(({ id }) => String(id) === type)
}
