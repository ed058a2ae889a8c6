import { VfioError } from '../../base/errors.ts'
import { uuidOrNull } from '../../base/units.ts'
import { otherBusDevice, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { findVfioDevice, type VfioDevice } from '../../host/vfio-device.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { list } from './list.ts'
import { namedDevice } from './named-device.ts'

/**
 * The device that is to be opened, by any form of its name and by as much of its UUID as tells it from the others.
 * Throws as `namedDevice` and `findVfioDevice` do; NOT_FOUND with the command that starts it for one that is only
 * defined.
 */
export function deviceToOpen(files: HostFiles, text: string): VfioDevice {
  const name = shownDevice(otherBusDevice(files, text) ?? parseBusDevice(namedDevice(files, text)))
  if (uuidOrNull(name) !== null) checkRuns(files, name)
  return findVfioDevice(files, name)
}

function checkRuns(files: HostFiles, uuid: string): void {
  const { devices } = list(files, { name: uuid })
  if (devices.some(({ active }) => active)) return
  const defined = devices.length > 0
  throw new VfioError('NOT_FOUND', `${uuid} is not ${defined ? 'active' : 'there'}: nothing to open`, {
    hint: defined ? `vfioctl start ${uuid}` : 'vfioctl list',
    facts: { uuid, defined },
  })
}
