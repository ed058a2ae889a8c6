import { VfioError } from '../errors.ts'
import type { DeviceInfo } from '../uapi/device-info.ts'
import { request } from '../uapi/requests.ts'
import type { Descriptor } from './descriptor.ts'
import { callFailed, type Reason } from './system-call.ts'

/**
 * VFIO_DEVICE_RESET, off the event loop: some devices take a second, the kernel waits for a minute. Throws NOT_SUPPORTED
 * where the device has no reset of its own, DEVICE_BUSY where the kernel has the device locked for something else.
 */
export async function resetDevice(device: Descriptor, { flags }: DeviceInfo): Promise<void> {
  const goal = `reset ${device.what}`
  // some drivers (mtty, mdpy) succeed all the same, and do nothing that could be relied on
  if (!flags.reset) {
    throw new VfioError('NOT_SUPPORTED', `cannot ${goal}: ${noReset.because}`, {
      hint: noReset.hint,
      facts: { flags: { ...flags } },
    })
  }
  try {
    await device.kernel.ioctlAsync(device.fd, request.VFIO_DEVICE_RESET)
  } catch (error) {
    throw callFailed(goal, error, {
      EINVAL: () => noReset,
      ENOTTY: () => noReset,
      EAGAIN: () => ({
        code: 'DEVICE_BUSY',
        because: 'the kernel has it locked for something else, such as another reset',
        hint: 'try again',
      }),
    })
  }
}

const noReset = {
  code: 'NOT_SUPPORTED',
  because: 'it has no reset of its own',
  hint: '`vfioctl inspect DEVICE` shows the flag reset where there is one',
} as const satisfies Reason
