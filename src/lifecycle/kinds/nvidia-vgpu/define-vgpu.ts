import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { physicalFunctionOf } from '../../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions, Step } from '../../change/change.ts'
import { checkAttributes } from '../../definition/attribute-path.ts'
import { type Attribute, type Definition, type StartMode, sameDefinition } from '../../definition/definition.ts'
import { nodeOwners } from '../../settings/node-owners.ts'
import { withSettingsLock } from '../../settings/settings.ts'
import { cacheTypeNames } from './cache-type-names.ts'
import { chooseFunction } from './choose-function.ts'
import { chooseVgpuType } from './choose-type.ts'
import { readVgpuDefinition, type StoredVgpu, vgpuFile, vgpuSettings } from './definitions.ts'
import { findVgpuPlace } from './place.ts'
import { readVgpuFunction } from './vgpu-functions.ts'
import { type VgpuIdentity, vgpuIdentity } from './vgpu-identity.ts'
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
 * `replaceVgpuDefinition` changes it.
 */
export async function defineVgpu(
  kernel: Kernel,
  request: DefineVgpuRequest,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  return changing(kernel, options, () => {
    const wanted = resolve(files, request)
    const stored = readVgpuDefinition(files, wanted.address)
    if (stored !== null && !isSame(stored, wanted)) {
      throw new VfioError('ALREADY_EXISTS', `${wanted.address} is already defined, differently`, {
        path: vgpuSettings.path(wanted.address),
        hint: `vfioctl modify ${wanted.address} …, or vfioctl undefine ${wanted.address} first`,
        facts: { device: wanted.address, stored: stored.definition.type, wanted: wanted.definition.type },
      })
    }
    return store(files, wanted, stored, options)
  })
}

/** Stores a definition in place of whatever is there. */
export async function replaceVgpuDefinition(
  kernel: Kernel,
  wanted: StoredVgpu,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  return changing(kernel, options, () => store(files, wanted, readVgpuDefinition(files, wanted.address), options))
}

/** Deletes a definition and what is kept of its nodes' owner; the vGPU stays. Nothing kept is no change. */
export async function undefineVgpu(
  kernel: Kernel,
  address: PciAddress,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  const dryRun = options.dryRun === true
  return changing(kernel, options, () => {
    const path = vgpuSettings.path(address)
    const isThere = files.kind(path) !== null
    const stored = isThere ? readable(files, address) : null
    const runs = (readVgpuFunction(files, address)?.type ?? 0) !== 0
    const steps = undefineSteps(files, address, runs)
    const isKept = isThere || steps.length > 0
    const card = () => (isKept ? (physicalFunctionOf(files, address) ?? address) : findVgpuPlace(files, address).card)
    const parent = stored?.parent ?? card()
    if (isKept && !dryRun) {
      vgpuSettings.delete(files, address)
      if (!runs) nodeOwners.delete(files, address)
    }
    return {
      ...vgpuIdentity(address),
      parent,
      type: stored?.definition.type ?? null,
      changed: steps.length > 0,
      dryRun,
      steps,
    }
  })
}

/** Deletes what is kept for the next starts; whose the nodes are is known until the vGPU ends. */
export function undefineSteps(files: HostFiles, address: PciAddress, runs: boolean): Step[] {
  const path = vgpuSettings.path(address)
  const kept = runs ? [path] : [path, nodeOwners.path(address)]
  return kept.filter((it) => files.kind(it) !== null).map((it) => ({ action: 'delete', path: it }))
}

function changing<T>(kernel: Kernel, options: ChangeOptions, work: () => T): Promise<T> | T {
  return options.dryRun === true ? work() : withSettingsLock(kernel, work, options)
}

function store(
  files: HostFiles,
  wanted: StoredVgpu,
  stored: StoredVgpu | null,
  { dryRun = false }: ChangeOptions,
): Change<VgpuIdentity> {
  const { address, parent, definition } = wanted
  const file = vgpuFile(wanted)
  const changed = stored === null || !isSame(stored, wanted)
  if (changed && !dryRun) vgpuSettings.save(files, address, file)
  const step = { action: 'save' as const, path: vgpuSettings.path(address), content: vgpuSettings.format(file) }
  return { ...vgpuIdentity(address), parent, type: definition.type, changed, dryRun, steps: changed ? [step] : [] }
}

function isSame(a: StoredVgpu, b: StoredVgpu): boolean {
  return a.parent === b.parent && sameDefinition(a.definition, b.definition)
}

function resolve(
  files: HostFiles,
  { address, parent, start, type: name, attributes = [] }: DefineVgpuRequest,
): StoredVgpu {
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

/** A definition that nobody can read can still be deleted. */
function readable(files: HostFiles, address: PciAddress): StoredVgpu | null {
  try {
    return readVgpuDefinition(files, address)
  } catch (error) {
    if (error instanceof VfioError && error.code === 'INVALID_SETTING') return null
    throw error
  }
}
