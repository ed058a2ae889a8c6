import { kernelAnswer, VfioError } from '../errors.ts'
import { mdevPath, readMdevDevices } from '../host/mdev-devices.ts'
import { type MdevType, typesPath } from '../host/mdev-types.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { failedWith } from '../kernel/system-error.ts'
import type { Uuid } from '../units.ts'
import { attributePath } from './attribute-path.ts'
import type { Step } from './change.ts'
import type { Attribute } from './definition.ts'
import { markHalfMade, unmarkHalfMade } from './half-made.ts'

type Write = Extract<Step, { action: 'write' }>

interface NewDevice {
  readonly uuid: Uuid
  readonly parent: string
  readonly type: string
  readonly attributes: readonly Attribute[]
}

/** The exact writes: the UUID to `create`, then each attribute with a newline (NVIDIA's driver eats the last byte). */
export function creationSteps({ uuid, parent, type, attributes }: NewDevice): Write[] {
  return [
    { action: 'write', path: `${typesPath(parent)}/${type}/create`, value: uuid },
    ...attributes.map(({ name, value }) => {
      return { action: 'write' as const, path: attributePath(uuid, name), value: `${value}\n` }
    }),
  ]
}

/** NO_INSTANCE_LEFT with the siblings that hold what there is. */
export function checkRoom(files: HostFiles, type: MdevType): void {
  if (type.available === 0) throw noInstanceLeft(files, type)
}

/**
 * Makes the writes. Where an attribute fails, or `signal` says to stop, the device is removed again and the first error
 * kept.
 */
export async function createDevice(
  files: HostFiles,
  uuid: Uuid,
  type: MdevType,
  steps: readonly Write[],
  signal?: AbortSignal,
): Promise<void> {
  const [create, ...attributes] = steps
  if (create === undefined) return
  if (attributes.length > 0) markHalfMade(files, uuid)
  try {
    await files.write(create.path, create.value)
  } catch (error) {
    unmarkHalfMade(files, uuid)
    throw creationFailed(files, uuid, type, create, error)
  }
  for (const step of attributes) {
    if (signal?.aborted === true) throw interrupted(uuid, await rollBack(files, uuid))
    try {
      await files.write(step.path, step.value)
    } catch (error) {
      throw attributeFailed(uuid, step, error, await rollBack(files, uuid))
    }
  }
  if (attributes.length > 0) unmarkHalfMade(files, uuid)
}

/** Takes a half-made device away; the failure of that, or null. */
async function rollBack(files: HostFiles, uuid: Uuid): Promise<unknown> {
  try {
    await files.write(`${mdevPath(uuid)}/remove`, '1')
    unmarkHalfMade(files, uuid)
    return null
  } catch (error) {
    return error
  }
}

function interrupted(uuid: Uuid, rollBackError: unknown): VfioError {
  const what = `interrupted while ${uuid} was set up`
  if (rollBackError === null) {
    return new VfioError('INTERRUPTED', `${what}; it was removed again`, { facts: { uuid, remains: false } })
  }
  return new VfioError('INTERRUPTED', `${what}; and it could not be removed again: ${kernelAnswer(rollBackError)}`, {
    cause: rollBackError,
    hint: `the device remains, half set up: vfioctl stop ${uuid}`,
    facts: { uuid, remains: true },
  })
}

function attributeFailed(uuid: Uuid, { path, value }: Write, cause: unknown, rollBackError: unknown): VfioError {
  const name = path.slice(mdevPath(uuid).length + 1)
  const what = `cannot set attribute ${name} of ${uuid} to '${value.trim()}': ${kernelAnswer(cause)}`
  if (rollBackError === null) {
    return new VfioError('ATTRIBUTE_FAILED', `${what}; the device was removed again`, {
      cause,
      path,
      hint: failedWith(cause, 'ENOENT')
        ? `the driver has no such attribute; vfioctl modify -u ${uuid} --delattr -i INDEX`
        : 'dmesg | tail, for what the driver says of that value',
      facts: { uuid, attribute: name, value: value.trim(), remains: false },
    })
  }
  return new VfioError(
    'ATTRIBUTE_FAILED',
    `${what}; and it could not be removed again: ${kernelAnswer(rollBackError)}`,
    {
      cause,
      path,
      hint: `the device remains, half set up: vfioctl stop ${uuid}`,
      facts: { uuid, attribute: name, value: value.trim(), remains: true },
    },
  )
}

function creationFailed(files: HostFiles, uuid: Uuid, type: MdevType, { path }: Write, cause: unknown): VfioError {
  const what = `cannot create ${uuid} (${type.type} on ${type.parent})`
  if (failedWith(cause, 'ENOSPC', 'EUSERS')) return noInstanceLeft(files, type, cause)
  if (failedWith(cause, 'EACCES', 'EPERM')) {
    return new VfioError('PERMISSION_DENIED', `${what}: ${kernelAnswer(cause)}; only root may`, {
      cause,
      path,
      hint: 'sudo vfioctl start …',
    })
  }
  if (failedWith(cause, 'EEXIST')) {
    return new VfioError('ALREADY_EXISTS', `${what}: a device with this UUID was made meanwhile`, {
      cause,
      path,
      hint: 'vfioctl list',
    })
  }
  return new VfioError('SYSTEM_CALL_FAILED', `${what}: the driver answers ${kernelAnswer(cause)}`, {
    cause,
    path,
    hint: 'dmesg | tail, for what the driver says',
    facts: { uuid, parent: type.parent, type: type.type },
  })
}

function noInstanceLeft(files: HostFiles, { parent, type, name }: MdevType, cause?: unknown): VfioError {
  const siblings = readMdevDevices(files).devices.filter((device) => device.parent === parent)
  const held = siblings.map((sibling) => `${sibling.uuid} (${sibling.type})`).join(', ')
  const shown = name === null ? type : `${type} (${name})`
  const why = held === '' ? 'though no device there runs; the driver may need another mode' : `held by ${held}`
  return new VfioError('NO_INSTANCE_LEFT', `${parent} has no room for another ${shown}: ${why}`, {
    ...(cause === undefined ? {} : { cause }),
    path: `${typesPath(parent)}/${type}/available_instances`,
    hint: `vfioctl types -p ${parent} shows what is free; vfioctl stop UUID makes room`,
    facts: { parent, type, siblings: siblings.map((sibling) => ({ uuid: sibling.uuid, type: sibling.type })) },
  })
}
