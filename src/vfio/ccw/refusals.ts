import type { Reasons } from '../calls/system-call.ts'

/** Meaning of an errno of vfio_ccw, whatever it was asked (drivers/s390/cio/vfio_ccw_fsm.c). */
export const goneReasons: Reasons = {
  ENODEV: () => ({
    code: 'NOT_FOUND',
    because: 'the device does not answer: it is gone, or all paths to it are',
    hint: 'lscss shows the subchannels and their paths',
  }),
}

const stateReasons: Reasons = {
  ...goneReasons,
  EIO: () => ({
    code: 'SYSTEM_CALL_FAILED',
    because: 'the subchannel is not in operation',
    hint: 'close the device and open it again; dmesg may say more',
  }),
  EAGAIN: () => ({
    code: 'DEVICE_BUSY',
    because: 'the kernel is just dealing with another request',
    hint: 'try again',
  }),
}

/** Of START SUBCHANNEL: of the program, too (vfio_ccw_cp.c). */
export const startReasons: Reasons = {
  ...stateReasons,
  EBUSY: () => ({
    code: 'DEVICE_BUSY',
    because: 'a channel program is under way, or the outcome of one is not yet told',
    hint: 'wait for its interrupt `io` first; `halt` or `clear` end it',
  }),
  EINVAL: () => ({
    code: 'INVALID_ARGUMENT',
    because:
      'its commands, 2 KiB from the first on, or its data are not mapped for the device, or it has more than 256 commands',
    hint: 'allocate a whole page with `dma.allocate(4096, { addressBits: 31 })`, and put the program at its start',
  }),
  EPERM: () => ({
    code: 'INVALID_ARGUMENT',
    because: 'its commands or its data are mapped with less access than `rw`',
  }),
  EFAULT: () => ({
    code: 'INVALID_ARGUMENT',
    because: 'a transfer leads to no command of the program, or the memory behind an address is gone',
  }),
  ENOMEM: () => ({
    code: 'MEMLOCK_EXCEEDED',
    because: 'the kernel has no memory for the program, or this process may lock no more for its data',
    hint: 'ulimit -l shows the limit',
  }),
  EACCES: () => ({
    code: 'NOT_FOUND',
    because: 'the device does not answer on the paths given; it has others',
    hint: 'leave out `paths`, or choose from those of `schib()`',
  }),
  EOPNOTSUPP: () => ({
    code: 'NOT_SUPPORTED',
    because:
      'this kernel takes `prefetch` alone (before Linux 5.8), or addresses of indirect data of 64 bits for 4 KiB alone',
    hint: 'leave out `prefetch` and `idaw`',
  }),
}

/** Of HALT and CLEAR SUBCHANNEL. */
export const asyncReasons: Reasons = {
  ...stateReasons,
  EBUSY: () => ({
    code: 'DEVICE_BUSY',
    because: 'an outcome is not yet told, or another halt or clear is under way',
    hint: 'wait for the interrupt `io` first',
  }),
}
