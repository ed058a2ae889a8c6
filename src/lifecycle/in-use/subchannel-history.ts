import { failedWith } from '../../base/system-error.ts'
import type { BusDevice } from '../../host/bus/bus-device.ts'
import { readOrNull } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { PciUse } from './pci-use.ts'

/**
 * Messages of vfio_ccw, in debugfs, which root alone reads: drivers/s390/cio/vfio_ccw_ops.c writes 'sch 0.0.0314:
 * create' for each mediated device. The latest are kept from the driver's loading on, 16 pages of them.
 */
const log = '/sys/kernel/debug/s390dbf/vfio_ccw_msg/sprintf'

/**
 * The danger in taking a subchannel from vfio_ccw: the kernel may crash in `vfio_ccw_sch_remove` if there has been a
 * mediated device of it. That leaves no trace but one that the driver has logged; a log that cannot be read rules none
 * out.
 */
export function subchannelHistory(files: Pick<HostFiles, 'read'>, { name }: BusDevice, hasDevice: boolean): PciUse[] {
  const danger = 'Linux may crash if vfio_ccw lets go of it'
  const had = { what: `${danger}, as it has had a mediated device`, end: 'reboot' }
  if (hasDevice) return [had]
  try {
    const text = readOrNull(files, log)
    if (text !== null) return hasCreated(text, name) ? [had] : []
    return [{ what: untold(danger, 'is not there'), end: 'mount -t debugfs none /sys/kernel/debug' }]
  } catch (error) {
    const why = failedWith(error, 'EACCES', 'EPERM') ? 'may not be read' : 'cannot be read'
    return [{ what: untold(danger, why), end: null }]
  }
}

function untold(danger: string, why: string): string {
  return `${danger} after a mediated device, and whether it has had one is not told: ${log} ${why}`
}

/** The channel subsystem's number stands first: sysfs has 0 for all. */
function hasCreated(text: string, name: string): boolean {
  const number = name.split('.').slice(1).join('.')
  return text
    .split('\n')
    .some((line) => /\bsch [0-9a-f]+\.([0-9a-f]+\.[0-9a-f]{4}): create\s*$/.exec(line)?.[1] === number)
}
