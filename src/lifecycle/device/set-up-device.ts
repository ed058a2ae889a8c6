import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Write } from '../change/change.ts'
import { withKernelLog } from '../change/kernel-log.ts'
import { checkStaysInDevice } from '../definition/attribute-path.ts'
import { markHalfConfigured, unmarkHalfConfigured } from './half-configured.ts'

/** A virtual device that is to be made, as the writes that make it and the one that takes it away again. */
export interface NewDevice {
  /** Its UUID, or the address of its function. */
  readonly name: string
  /** Its folder in sysfs, in which its attributes are. */
  readonly path: string
  readonly create: Write
  readonly attributes: readonly Write[]
  readonly remove: Write
  /** The folder in sysfs of the device that its driver drives. */
  readonly card: string
  /** The likely reason of a refused attribute, found before the device is removed again; null for none. */
  readonly explainAttribute?: (step: Write, cause: unknown) => { readonly why: string; readonly hint: string } | null
}

/**
 * Makes the writes. If an attribute fails, or `signal` says to stop, the device is removed again and the first error
 * kept; if the creation itself fails, `explain` says why. Either error has what the kernel's log said meanwhile.
 */
export function setUpDevice(
  kernel: Kernel,
  device: NewDevice,
  explain: (cause: unknown) => VfioError,
  signal?: AbortSignal,
): Promise<void> {
  return withKernelLog(kernel, device, () => makeWrites(kernel.files, device, explain, signal))
}

async function makeWrites(
  files: HostFiles,
  device: NewDevice,
  explain: (cause: unknown) => VfioError,
  signal?: AbortSignal,
): Promise<void> {
  const { name, create, attributes } = device
  if (attributes.length > 0) markHalfConfigured(files, name)
  try {
    await files.write(create.path, create.value)
  } catch (error) {
    unmarkHalfConfigured(files, name)
    throw explain(error)
  }
  for (const step of attributes) {
    if (signal?.aborted === true) throw interrupted(name, await rollBack(files, device))
    try {
      checkStaysInDevice(files, device.path, step.path)
      await files.write(step.path, step.value)
    } catch (error) {
      const reason = device.explainAttribute?.(step, error) ?? null
      throw attributeFailed(device, step, { cause: error, reason }, await rollBack(files, device))
    }
  }
  if (attributes.length > 0) unmarkHalfConfigured(files, name)
}

/** Takes a half-configured device away; the failure of that, or null. */
async function rollBack(files: HostFiles, { name, remove }: NewDevice): Promise<unknown> {
  try {
    await files.write(remove.path, remove.value)
    unmarkHalfConfigured(files, name)
    return null
  } catch (error) {
    return error
  }
}

function interrupted(name: string, rollBackError: unknown): VfioError {
  const what = `interrupted while ${name} was set up`
  if (rollBackError === null) {
    return new VfioError('INTERRUPTED', `${what}; it was removed again`, { facts: { device: name, remains: false } })
  }
  return new VfioError('INTERRUPTED', `${what}; and it could not be removed again: ${kernelAnswer(rollBackError)}`, {
    cause: rollBackError,
    hint: `the device remains, half set up: vfioctl stop ${name}`,
    facts: { device: name, remains: true },
  })
}

function attributeFailed(
  device: NewDevice,
  { path, value }: Write,
  {
    cause,
    reason,
  }: { readonly cause: unknown; readonly reason: { readonly why: string; readonly hint: string } | null },
  rollBackError: unknown,
): VfioError {
  const attribute = path.slice(device.path.length + 1)
  const answer = reason === null ? kernelAnswer(cause) : `${kernelAnswer(cause)}: ${reason.why}`
  const what = `cannot set attribute ${attribute} of ${device.name} to '${value.trim()}': ${answer}`
  const facts = { device: device.name, attribute, value: value.trim() }
  if (rollBackError === null) {
    return new VfioError('ATTRIBUTE_FAILED', `${what}; the device was removed again`, {
      cause,
      path,
      hint: reason?.hint ?? hintOf(device, cause),
      facts: { ...facts, remains: false },
    })
  }
  return new VfioError(
    'ATTRIBUTE_FAILED',
    `${what}; and it could not be removed again: ${kernelAnswer(rollBackError)}`,
    {
      cause,
      path,
      hint: `the device remains, half set up: vfioctl stop ${device.name}`,
      facts: { ...facts, remains: true },
    },
  )
}

function hintOf({ name }: NewDevice, cause: unknown): string {
  if (!failedWith(cause, 'ENOENT')) return 'dmesg | tail, for what the driver says of that value'
  return `the driver has no such attribute; vfioctl modify ${name} --delattr -i INDEX`
}
