import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import { checkAttributes } from '../../definition/attribute-path.ts'
import type { Attribute, Definition, StartMode } from '../../definition/definition.ts'
import type { StoredFunction } from '../../device/function-definitions.ts'
import { cacheTypeNames } from './cache-type-names.ts'
import { chooseFunction } from './choose-function.ts'
import { chooseVgpuType } from './choose-type.ts'
import { vgpuDefinitions } from './definitions.ts'
import { findVgpuPlace } from './place.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import type { VgpuIdentity } from './vgpu-identity.ts'
import { readCreatableTypes } from './vgpu-types.ts'

/** A vGPU to define. */
export interface DefineVgpuRequest {
  /** The function. Of one that is a vGPU, alone: its type is taken from it. */
  readonly address?: PciAddress
  /** A card, of which a free function is taken, or a function. */
  readonly parent?: string
  /** By id or by name. */
  readonly type?: string
  /** 'manual' if absent. */
  readonly start?: StartMode
  readonly attributes?: readonly Attribute[]
}

/**
 * Stores what a function is to be made. The same again is no change; another for the same function is ALREADY_EXISTS:
 * `modify` changes it.
 */
export async function defineVgpu(
  kernel: Kernel,
  request: DefineVgpuRequest,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  return vgpuDefinitions.define(kernel, () => resolve(kernel.files, request), options)
}

/** Deletes a definition and what is kept of its nodes' owner; the vGPU stays. Nothing kept is no change. */
export async function undefineVgpu(
  kernel: Kernel,
  address: PciAddress,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  const found = {
    runs: () => (readVgpuFunction(files, address)?.type ?? 0) !== 0,
    cardOf: (isKept: boolean) =>
      isKept ? (physicalFunctionOf(files, address) ?? address) : findVgpuPlace(files, address).card,
  }
  return vgpuDefinitions.undefine(kernel, address, found, options)
}

function resolve(
  files: HostFiles,
  { address, parent, start, type: name, attributes = [] }: DefineVgpuRequest,
): StoredFunction {
  const where = address ?? parent
  if (where === undefined) throw new VfioError('INVALID_ARGUMENT', 'no card or function is given for the vGPU')
  checkAttributes(attributes)
  const place = findVgpuPlace(files, where)
  const [only] = place.functions
  const runs = address === undefined ? null : String(readVgpuFunction(files, address)?.type ?? 0)
  const given = name ?? (runs === '0' ? undefined : (runs ?? undefined))
  if (given === undefined || only === undefined) {
    throw new VfioError('INVALID_ARGUMENT', `no type given for ${where}, which is not a vGPU now`, {
      hint: `vfioctl define ${where} -t TYPE; vfioctl types -p ${place.card} shows them`,
    })
  }
  const type = chooseVgpuType(files, place.card, given)
  const chosen = place.functions.length === 1 ? only : chooseFunction(files, place, type)
  cacheTypeNames(files, readCreatableTypes(files, chosen.address))
  const definition: Definition = { type: type.type, start: start ?? 'manual', attributes }
  return { address: chosen.address, parent: place.card, definition }
}
