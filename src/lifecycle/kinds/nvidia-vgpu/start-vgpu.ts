import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import type { Attribute } from '../../definition/definition.ts'
import { checkNotHeld, withDeviceLock } from '../../device/device-lock.ts'
import { isHalfConfigured } from '../../device/half-configured.ts'
import { giveNodes, giveNodesOrRemove, ownerSteps } from '../../device/node-owner.ts'
import { setUpDevice } from '../../device/set-up-device.ts'
import { isTypeNamed, type NamedType } from '../../device/type-named.ts'
import { withLock } from '../../files/lock.ts'
import { nodeOwners } from '../../settings/node-owners.ts'
import { cacheTypeNames } from './cache-type-names.ts'
import { chooseFunction } from './choose-function.ts'
import { chooseVgpuType } from './choose-type.ts'
import { vgpuDefinitions } from './definitions.ts'
import { clearStep, clearVgpu, heldVgpu, newVgpu } from './function-writes.ts'
import { findVgpuPlace, type VgpuPlace } from './place.ts'
import { vgpuRefused } from './refusal.ts'
import { readCurrentType, type VgpuFunction } from './vgpu-functions.ts'
import { type VgpuIdentity, vgpuIdentity } from './vgpu-identity.ts'
import { ownedNodes } from './vgpu-nodes.ts'
import { readCreatableTypes } from './vgpu-types.ts'

/** A vGPU to start. */
export interface StartVgpuRequest {
  /** The function, of a vGPU that is defined or that is to be just there. */
  readonly address?: PciAddress
  /** A card, of which any free function will do, or a function. */
  readonly parent?: string
  /** By id ('1157') or by name ('NVIDIA L40S-24Q', 'L40S-24Q'). */
  readonly type?: string
  /** Written in this order; those of the definition if absent. */
  readonly attributes?: readonly Attribute[]
}

/**
 * Makes a function of a card a vGPU: writes the type's id, then the attributes in order; ends it again if one fails.
 * One that has the type already is no change. What can be made is read anew right before the write: each start on the
 * card changes it. Its nodes go to the owner that is kept for it, if there is one.
 */
export async function startVgpu(
  kernel: Kernel,
  request: StartVgpuRequest,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  const { place, type, attributes } = resolve(files, request)
  const dryRun = options.dryRun === true
  const run = async (): Promise<Change<VgpuIdentity>> => {
    const chosen = chooseFunction(files, place, type)
    const { address } = chosen
    const device = newVgpu(address, type.type, attributes)
    const unchanged = {
      ...vgpuIdentity(address),
      parent: place.card,
      type: type.type,
      changed: false,
      dryRun,
      steps: [],
    }
    const isAnew = chosen.type !== 0 && isHalfConfigured(files, address)
    const owner = nodeOwners.read(files, address)
    const owning = owner === null ? [] : ownerSteps(files, ownedNodes(chosen), owner)
    if (chosen.type !== 0 && !isAnew) {
      if (!dryRun) giveNodes(files, owning)
      return { ...unchanged, changed: owning.length > 0, steps: owning }
    }
    const steps = [...(isAnew ? [clearStep(address)] : []), device.create, ...device.attributes, ...owning]
    const held = heldVgpu(chosen, `cannot start ${address}`)
    if (dryRun) {
      checkNotHeld(kernel, held)
      return { ...unchanged, changed: true, steps }
    }
    if (isAnew) await clearVgpu(kernel, chosen)
    await withDeviceLock(kernel, held, async () => {
      checkCreatable(files, place, chosen, type)
      const explain = (cause: unknown) => vgpuRefused(files, { card: place.card, address, type }, cause)
      await setUpDevice(kernel, device, explain, options.signal)
      checkMade(files, address, type)
    })
    await giveNodesOrRemove(files, owning, () => clearVgpu(kernel, chosen))
    return { ...unchanged, changed: true, steps }
  }
  return dryRun ? run() : withLock(kernel, pciPath(place.card), run, options)
}

interface Wanted {
  readonly place: VgpuPlace
  readonly type: NamedType
  readonly attributes: readonly Attribute[]
}

function resolve(files: HostFiles, request: StartVgpuRequest): Wanted {
  const { address } = request
  const stored = address === undefined ? null : vgpuDefinitions.read(files, address)
  const where = address ?? request.parent
  const name = request.type ?? stored?.definition.type
  if (where === undefined || name === undefined) {
    throw new VfioError('INVALID_ARGUMENT', `no type given for ${where ?? 'the vGPU'}, which is not defined`, {
      hint: `vfioctl start -p ${where ?? 'CARD'} -t TYPE; vfioctl types shows them`,
    })
  }
  const place = findVgpuPlace(files, where)
  const [only, ...others] = place.functions
  const type = chooseVgpuType(files, place.card, name, others.length === 0 ? (only?.address ?? null) : null)
  if (stored !== null && !isTypeNamed(type, stored.definition.type)) {
    throw new VfioError('ALREADY_EXISTS', `${where} is defined with type ${stored.definition.type}, not ${type.type}`, {
      hint: `leave -t out, or change the definition: vfioctl modify ${where} -t ${type.type}`,
      facts: { device: where, defined: stored.definition.type, asked: type.type },
    })
  }
  return { place, type, attributes: request.attributes ?? stored?.definition.attributes ?? [] }
}

/** The last look before the write. */
function checkCreatable(files: HostFiles, { card }: VgpuPlace, { address }: VgpuFunction, type: NamedType): void {
  const creatable = readCreatableTypes(files, address)
  cacheTypeNames(files, creatable)
  if (creatable.some(({ id }) => String(id) === type.type)) return
  throw vgpuRefused(files, { card, address, type })
}

function checkMade(files: HostFiles, address: PciAddress, type: NamedType): void {
  const made = readCurrentType(files, address)
  if (String(made) === type.type) return
  throw new VfioError('SYSTEM_CALL_FAILED', `${address} took type ${type.type}, and shows type ${made}`, {
    hint: `vfioctl list ${address}; dmesg | tail`,
    facts: { device: address, asked: type.type, made },
  })
}
