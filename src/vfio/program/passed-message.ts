import * as v from 'valibot'
import { asVfioError, VfioError } from '../../base/errors.ts'
import { schemaFault } from '../../base/schema-fault.ts'
import { counted, printable } from '../../base/units.ts'
import type { PassedDescriptors } from '../iommu/passed-descriptors.ts'

/**
 * The message by which descriptors are passed, as JSON: { "iommufd": 0, "devices": { "0000:3b:00.0": 1 } } or
 * { "container": 0, "groups": { "12": 1 } }, with the place of each among the message's descriptors; or { "error": … }.
 */
export const longestMessage: number = 64 * 1024

/** A message of descriptors whose numbers are their places. */
export function passedMessage(passed: PassedDescriptors): Uint8Array {
  return encoded(passed)
}

/** The message that tells why none are passed. */
export function refusalMessage(error: unknown): Uint8Array {
  const { code, message, hint } = asVfioError(error)
  return encoded({ error: { code, message, hint } })
}

function encoded(value: unknown): Uint8Array {
  const bytes = new TextEncoder().encode(JSON.stringify(value))
  if (bytes.length <= longestMessage) return bytes
  throw new VfioError('INVALID_ARGUMENT', `the names of so many devices make no message: ${bytes.length} bytes`)
}

const place = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const text = v.pipe(v.string(), v.transform(printable))
const messageSchema = v.union([
  v.object({ error: v.object({ message: text, hint: v.nullable(text) }) }),
  v.object({ iommufd: place, devices: v.record(v.string(), place) }),
  v.object({ container: place, groups: v.record(v.pipe(v.string(), v.regex(/^\d{1,9}$/)), place) }),
])

/**
 * The descriptors of a message, by their numbers here. DEVICE_BUSY with the sender's words if it could open none;
 * MALFORMED_REPLY for what is no such message, or names other descriptors than came with it.
 */
export function readPassedMessage(bytes: Uint8Array, descriptors: readonly number[]): PassedDescriptors {
  const message = parsed(bytes)
  if ('error' in message) {
    const { message: said, hint } = message.error
    throw new VfioError('DEVICE_BUSY', `no descriptors were passed: ${said}`, hint === null ? {} : { hint })
  }
  const [one, several] = 'iommufd' in message ? [message.iommufd, message.devices] : [message.container, message.groups]
  const places = [one, ...Object.values(several)]
  if (new Set(places).size !== places.length || places.length !== descriptors.length) {
    throw malformed(`it names ${counted(places.length, 'descriptor')}, and ${descriptors.length} came with it`)
  }
  const numberOf = (at: number): number => {
    const fd = descriptors[at]
    if (fd === undefined) throw malformed(`it names descriptor ${at} of ${descriptors.length}`)
    return fd
  }
  const numbers = Object.fromEntries(Object.entries(several).map(([name, at]) => [name, numberOf(at)]))
  return 'iommufd' in message
    ? { iommufd: numberOf(one), devices: numbers }
    : { container: numberOf(one), groups: numbers }
}

function parsed(bytes: Uint8Array): v.InferOutput<typeof messageSchema> {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw malformed('it is no JSON', cause)
  }
  const result = v.safeParse(messageSchema, value)
  if (result.success) return result.output
  const { place: at, what } = schemaFault(result.issues)
  throw malformed(`${at ?? 'it'} ${what}`)
}

function malformed(why: string, cause?: unknown): VfioError {
  return new VfioError('MALFORMED_REPLY', `what came by the socket is no message that passes descriptors: ${why}`, {
    hint: 'vfioctl run --help shows the form of such a message',
    ...(cause === undefined ? {} : { cause }),
  })
}
