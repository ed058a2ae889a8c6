import { kernelAnswer, VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { counted } from '../../base/units.ts'
import { gimDriver } from '../../host/amd-gim.ts'
import type { PhysicalFunction } from '../../host/sriov.ts'
import { refusedByKernel } from '../change/refused-by-kernel.ts'

/**
 * The reason why a write to `sriov_numvfs` may have been refused (drivers/pci/iov.c and pci-sysfs; a driver adds its
 * own). The kernel's log says it best, and is told beside this. `count`: the number that was asked for, to which the
 * kernel may have been on its way by none.
 */
export function writeRefused({ address, driver, total }: PhysicalFunction, count: number, cause: unknown): VfioError {
  const what =
    count === 0
      ? `cannot take the virtual functions of ${address} away`
      : `cannot give ${address} ${counted(count, 'virtual function')}`
  const facts = { device: address, driver }
  const refused = (because: string, hint: string) => {
    const message = `${what}: ${kernelAnswer(cause)}: ${because}`
    return new VfioError(failedWith(cause, 'ENOENT') ? 'NOT_SUPPORTED' : 'SYSTEM_CALL_FAILED', message, {
      cause,
      facts,
      hint,
    })
  }
  if (failedWith(cause, 'ENOENT') && driver === gimDriver) {
    // gim_driver in gim_drv.c has no sriov_configure
    return refused(
      'its driver gim makes them as it is loaded, by its parameter vf_num',
      `vfioctl sriov ${address} ${count} --modprobe writes the line of modprobe; then load gim anew: modprobe -r gim; modprobe gim`,
    )
  }
  if (failedWith(cause, 'ENOENT')) {
    const because = driver === null ? 'no driver has it, and a driver makes them' : `its driver ${driver} makes none`
    const allow = 'echo 1 > /sys/module/vfio_pci/parameters/enable_sriov lets vfio-pci make them'
    return refused(because, driver === 'vfio-pci' ? allow : `lspci -ks ${address} shows its drivers`)
  }
  if (failedWith(cause, 'ENOMEM')) {
    return refused(
      'there is no room for their memory BARs (MMIO), or no bus number is left: the firmware gave the card too little',
      "firmware setup: 'Above 4G decoding' and 'SR-IOV support' on; else boot with pci=realloc (of bus numbers: pci=assign-busses); or ask for fewer",
    )
  }
  if (failedWith(cause, 'EBUSY')) {
    return refused(
      'it has some already, which another made meanwhile, or its driver is busy with the card',
      `vfioctl sriov ${address}; stop what uses the card itself; dmesg | tail`,
    )
  }
  if (failedWith(cause, 'EINVAL', 'ERANGE', 'EOPNOTSUPP')) {
    return refused(
      `its driver ${driver} does not take this number; some take all ${total} or none, or need the card in another mode`,
      `vfioctl sriov ${address} all; dmesg | tail, for what the driver says`,
    )
  }
  if (failedWith(cause, 'EIO', 'ENODEV', 'ENOTTY', 'EFAULT')) {
    return refused(
      'the card or its capability of SR-IOV does not answer as it should',
      `SR-IOV off in the card's own settings or the firmware? lspci -vvs ${address}; dmesg | tail`,
    )
  }
  return refusedByKernel(what, cause, { facts, hint: 'dmesg | tail, for what the driver says' })
}
