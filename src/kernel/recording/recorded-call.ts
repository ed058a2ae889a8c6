import { kernelOrder } from '../../base/byte-order.ts'
import { vfioDeviceBindIommufd } from '../../uapi/device.ts'
import { request as requests } from '../../uapi/requests.ts'
import type { IoctlPointer } from '../kernel.ts'
import type { RecordedCall } from './recorded-host.ts'

const bindIommufd = vfioDeviceBindIommufd.fields.iommufd[0]
const bytesOfAddress = 8

/**
 * The argument of an ioctl as a recording has it: the same for the same question, whatever the descriptors' numbers.
 */
export function recordedArgument(
  request: number,
  argument: Uint8Array | number | undefined,
  pointers: readonly IoctlPointer[] = [],
): Pick<RecordedCall, 'given' | 'name'> {
  if (argument === undefined) return {}
  if (typeof argument === 'number') return { given: argument }
  if (request === requests.VFIO_GROUP_GET_DEVICE_FD) return { name: nameIn(argument) }
  return { given: structText(request, argument, pointers) }
}

/** A struct in hex, with zeros for descriptors and addresses. */
export function structText(request: number, struct: Uint8Array, pointers: readonly IoctlPointer[] = []): string {
  const bytes = struct.slice()
  if (request === requests.VFIO_GROUP_SET_CONTAINER) bytes.fill(0)
  if (request === requests.VFIO_DEVICE_BIND_IOMMUFD) bytes.fill(0, bindIommufd, bindIommufd + 4)
  for (const { offset } of pointers) bytes.fill(0, offset, offset + bytesOfAddress)
  return Buffer.from(bytes).toString('hex')
}

/** The descriptor in an ioctl that ties a group or device to its container or iommufd; null in any other. */
export function tiedDescriptor(request: number, argument: Uint8Array | number | undefined): number | null {
  if (typeof argument !== 'object') return null
  const at =
    request === requests.VFIO_GROUP_SET_CONTAINER
      ? 0
      : request === requests.VFIO_DEVICE_BIND_IOMMUFD
        ? bindIommufd
        : null
  if (at === null || argument.length < at + 4) return null
  return new DataView(argument.buffer, argument.byteOffset).getInt32(at, kernelOrder)
}

/** The name of the file that a call has made: of a device that its group gave. */
export function deviceFileName(name: string): string {
  return `vfio-device ${name}`
}

/** A question of a call, to find its answer by. */
export function callKey({ request, given = '', name = '' }: Pick<RecordedCall, 'request' | 'given' | 'name'>): string {
  return `${request} ${given} ${name}`
}

function nameIn(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1').replace(/\0.*$/s, '')
}
