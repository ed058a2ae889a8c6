import { kernelAnswer, VfioError } from '../../../base/errors.ts'
import { failedWith } from '../../../base/system-error.ts'
import type { Uuid } from '../../../base/units.ts'
import type { HostFiles, Kernel } from '../../../kernel/kernel.ts'
import type { Write } from '../../change/change.ts'
import { isDenied, refusedByKernel } from '../../change/refused-by-kernel.ts'
import { attributeSteps } from '../../definition/attribute-path.ts'
import type { Attribute } from '../../definition/definition.ts'
import { cardOf } from '../../device/parents.ts'
import { setUpDevice } from '../../device/set-up-device.ts'
import { apRefusal } from './ap-refusal.ts'
import { mdevPath, readMdevDevices } from './mdev-devices.ts'
import { mdevBus, readAvailable, readTypeName, type TypeOfParent, typesPath } from './mdev-types.ts'
import { refusalReason } from './refusal-reason.ts'
import { removalStep } from './remove-device.ts'

interface NewDevice {
  readonly uuid: Uuid
  readonly parent: string
  readonly type: string
  readonly attributes: readonly Attribute[]
}

/** The exact writes: the UUID to `create`, then each attribute. */
export function creationSteps({ uuid, parent, type, attributes }: NewDevice): Write[] {
  return [
    { action: 'write', path: `${typesPath(parent)}/${type}/create`, value: uuid },
    ...attributeSteps(mdevPath(uuid), attributes),
  ]
}

/** NO_INSTANCE_LEFT with the siblings that hold what there is. */
export function checkRoom(files: HostFiles, type: TypeOfParent): void {
  if (readAvailable(files, type) === 0) throw noInstanceLeft(files, type, {})
}

/** Makes the writes; if one fails, the device is gone again. */
export function createDevice(
  kernel: Kernel,
  uuid: Uuid,
  type: TypeOfParent,
  steps: readonly Write[],
  signal?: AbortSignal,
): Promise<void> {
  const [create, ...attributes] = steps
  if (create === undefined) throw new TypeError('a device is made by at least one write')
  const card = `${mdevBus}/${type.parent}`
  const device = {
    name: uuid,
    path: mdevPath(uuid),
    create,
    attributes,
    remove: removalStep(uuid),
    card,
    explainAttribute: (step: Write, cause: unknown) => apRefusal(kernel.files, uuid, step, cause),
  }
  return setUpDevice(kernel, device, (cause) => creationFailed(kernel.files, uuid, type, create, cause), signal)
}

function creationFailed(files: HostFiles, uuid: Uuid, type: TypeOfParent, { path }: Write, cause: unknown): VfioError {
  const what = `cannot create ${uuid} (${type.type} on ${type.parent})`
  const details = { path, facts: { uuid, parent: type.parent, type: type.type } }
  const askDriver = 'dmesg | tail, for what the driver says'
  if (isDenied(cause)) return refusedByKernel(what, cause, { ...details, hint: askDriver })
  if (failedWith(cause, 'EEXIST')) {
    return new VfioError('ALREADY_EXISTS', `${what}: a device with this UUID was made meanwhile`, {
      cause,
      path,
      hint: 'vfioctl list',
    })
  }
  // Some drivers have one answer, EINVAL, for whatever they refuse.
  const isFull = failedWith(cause, 'ENOSPC', 'EUSERS') || readAvailable(files, type) === 0
  if (isFull) return noInstanceLeft(files, type, { cause })
  const answered = `${what}: the driver answers ${kernelAnswer(cause)}`
  const reason = refusalReason(files, type)
  return new VfioError('SYSTEM_CALL_FAILED', reason === null ? answered : `${answered}: ${reason.why}`, {
    ...details,
    cause,
    hint: reason?.hint ?? askDriver,
  })
}

/** NO_INSTANCE_LEFT of a parent, or of all that `place` stands for, with what holds what there is. */
export function noInstanceLeft(
  files: HostFiles,
  { parent, type }: TypeOfParent,
  { place = parent, cause }: { readonly place?: string; readonly cause?: unknown },
): VfioError {
  const name = readTypeName(files, parent, type)
  // the virtual functions of a card are parents of their own, and share what it has
  const card = cardOf(files, parent)
  const siblings = readMdevDevices(files).devices.filter((device) => cardOf(files, device.parent) === card)
  const held = siblings
    .map((it) => `${it.uuid} (${it.type}${it.parent === place ? '' : ` on ${it.parent}`})`)
    .join(', ')
  const shown = name === null ? type : `${type} (${name})`
  const reason = refusalReason(files, { parent, type })
  const why =
    held === '' ? (reason?.why ?? 'though no device there runs; the driver may need another mode') : `held by ${held}`
  return new VfioError('NO_INSTANCE_LEFT', `${place} has no room for another ${shown}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    path: `${typesPath(parent)}/${type}/available_instances`,
    hint: reason?.hint ?? `vfioctl types -p ${place} shows what is free; vfioctl stop UUID makes room`,
    facts: { parent, type, siblings: siblings.map((sibling) => ({ uuid: sibling.uuid, type: sibling.type })) },
  })
}
