import { VfioError } from '../base/errors.ts'
import { readOrNone } from '../host/sysfs/readable.ts'
import type { DeviceInfo } from '../uapi/device.ts'
import { request } from '../uapi/requests.ts'
import type { Descriptor } from './calls/descriptor.ts'
import { attemptLater, type Reason } from './calls/system-call.ts'

/**
 * VFIO_DEVICE_RESET, off the event loop: some devices take a second, the kernel waits for a minute. Throws
 * NOT_SUPPORTED if the device has no reset of its own or every way to reset it is turned off (`reset_method` in sysfs),
 * DEVICE_BUSY if the kernel has the device locked for something else.
 */
export async function resetDevice(
  device: Descriptor,
  { name, info: { flags } }: { readonly name: string; readonly info: DeviceInfo },
): Promise<void> {
  const goal = `reset ${device.what}`
  const noReset = () => whyNone(device, flags.pci ? name : null)
  // some drivers (mtty, mdpy) succeed all the same, and do nothing that could be relied on
  if (!flags.reset) {
    const { because, hint, facts } = noReset()
    throw new VfioError('NOT_SUPPORTED', `cannot ${goal}: ${because}`, {
      hint,
      facts: { ...facts, flags: { ...flags } },
    })
  }
  await attemptLater(goal, () => device.kernel.ioctlAsync(device.fd, request.VFIO_DEVICE_RESET), {
    EINVAL: noReset,
    ENOTTY: noReset,
    EAGAIN: () => ({
      code: 'DEVICE_BUSY',
      because: 'the kernel has it locked for something else, such as another reset',
      hint: 'try again',
    }),
  })
}

type NoReset = Reason & Required<Pick<Reason, 'hint' | 'facts'>>

/** A device that is no PCI device has no `reset_method`; nor has one that the kernel knows no way for. */
function whyNone({ kernel }: Descriptor, pciName: string | null): NoReset {
  const path = `/sys/bus/pci/devices/${pciName}/reset_method`
  if (pciName !== null && readOrNone(kernel.files, path)?.trim() === '') {
    return {
      code: 'NOT_SUPPORTED',
      because: `every way to reset it is turned off: ${path} is empty`,
      hint: `echo default > ${path}, then open it again`,
      facts: { resetMethod: path },
    }
  }
  return {
    code: 'NOT_SUPPORTED',
    because: 'it has no reset of its own',
    hint: '`vfioctl inspect DEVICE` shows the flag reset if the device has one',
    facts: {},
  }
}
