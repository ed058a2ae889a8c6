import { type PciAddress, parseUuid, pciAddressOrNull, type Uuid } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../change/change.ts'
import type { DefineRequest, DeviceChoice, ModifyRequest, StartRequest } from '../device/requests.ts'
import { deviceIdentifier } from './list.ts'
import { define } from './mdev/define.ts'
import { modify } from './mdev/modify.ts'
import { start } from './mdev/start.ts'
import { stop } from './mdev/stop.ts'
import { undefine } from './mdev/undefine.ts'
import { defineVgpu, undefineVgpu } from './nvidia-vgpu/define-vgpu.ts'
import { modifyVgpu } from './nvidia-vgpu/modify-vgpu.ts'
import { isVgpuPlace } from './nvidia-vgpu/place.ts'
import { startVgpu } from './nvidia-vgpu/start-vgpu.ts'
import { stopVgpu } from './nvidia-vgpu/stop-vgpu.ts'

/** The verbs for virtual devices of either kind: mediated devices by UUID, vendor vGPUs by their function's address. */

/** A defined device by its name, or one that is made on the spot of a parent and a type. */
export async function startDevice(kernel: Kernel, request: StartRequest, options?: ChangeOptions): Promise<Change> {
  const { name, ...rest } = request
  const target = targetOf(kernel, name, rest.parent)
  return target.kind === 'mdev'
    ? start(kernel, { ...rest, ...target.identity }, options)
    : startVgpu(kernel, { ...rest, ...target.identity }, options)
}

export async function defineDevice(kernel: Kernel, request: DefineRequest, options?: ChangeOptions): Promise<Change> {
  const { name, ...rest } = request
  const target = targetOf(kernel, name, rest.parent)
  return target.kind === 'mdev'
    ? define(kernel, { ...rest, ...target.identity }, options)
    : defineVgpu(kernel, { ...rest, ...target.identity }, options)
}

export async function stopDevice(kernel: Kernel, choice: DeviceChoice, options?: ChangeOptions): Promise<Change> {
  const { name, ...rest } = choice
  const { kind, identity } = identify(name)
  return kind === 'mdev' ? stop(kernel, { ...identity, ...rest }, options) : stopVgpu(kernel, identity.address, options)
}

export async function undefineDevice(
  kernel: Kernel,
  choice: DeviceChoice,
  options?: ChangeOptions,
): Promise<readonly Change[]> {
  const { name, ...rest } = choice
  const { kind, identity } = identify(name)
  return kind === 'mdev'
    ? undefine(kernel, { ...identity, ...rest }, options)
    : [await undefineVgpu(kernel, identity.address, options)]
}

export async function modifyDevice(kernel: Kernel, request: ModifyRequest, options?: ChangeOptions): Promise<Change> {
  const { name, ...rest } = request
  const { kind, identity } = identify(name)
  return kind === 'mdev'
    ? modify(kernel, { ...identity, ...rest }, options)
    : modifyVgpu(kernel, identity.address, rest, options)
}

type Identified =
  | { readonly kind: 'mdev'; readonly identity: { readonly uuid: Uuid } }
  | { readonly kind: 'vgpu'; readonly identity: { readonly address: PciAddress } }

function identify(name: string): Identified {
  const known = deviceIdentifier(name)
  const address = pciAddressOrNull(known)
  if (address !== null) return { kind: 'vgpu', identity: { address } }
  return { kind: 'mdev', identity: { uuid: parseUuid(known) } }
}

/** What has no name yet is of the kind that its parent makes. */
function targetOf(kernel: Kernel, name: string | undefined, parent: string | undefined): Identified | Unnamed {
  if (name !== undefined) return identify(name)
  const kind = parent !== undefined && isVgpuPlace(kernel.files, parent) ? 'vgpu' : 'mdev'
  return { kind, identity: {} }
}

type Unnamed = { readonly kind: 'mdev' | 'vgpu'; readonly identity: Readonly<Record<never, never>> }
