import { VfioError } from '../../base/errors.ts'
import { pciAddressOrNull } from '../../base/units.ts'
import { busNamed } from '../../host/bus/bus.ts'
import { devicePath, parseBusDevice, shownDevice } from '../../host/bus/bus-device.ts'
import { bindKept } from '../bindings/bind-kept.ts'
import { waitsForBoot } from '../bindings/kept-device.ts'
import { keptDriver } from '../bindings/wanted-driver.ts'
import type { ChangeOptions } from '../change/change.ts'
import type { RestoreStage, RestoreTask } from '../device/restore-task.ts'
import { boundDeviceOrNull, keptBindings } from '../settings/bindings.ts'

/**
 * The drivers that devices are to have at every boot. That of a virtual function which its card is not to get is kept
 * until it is: there is nothing to bring up.
 */
export const boundDevices: RestoreStage = (kernel, coming) => {
  const { files } = kernel
  const { settings, warnings } = keptBindings.list(files)
  const tasks = settings.flatMap(({ name, value }): RestoreTask[] => {
    const device = boundDeviceOrNull(name)
    const shown = device === null ? name : shownDevice(device)
    const address = device?.bus === 'pci' ? pciAddressOrNull(device.name) : null
    if (waitsForBoot(files, value)) return []
    if ((coming.only !== undefined && shown !== coming.only) || (address !== null && coming.isLeftOut(address)))
      return []
    return [
      {
        kind: 'binding',
        parent: shown,
        name: keptDriver(files, device, value.driver),
        type: null,
        plannedSteps: () => [],
        isParentThere: () => device !== null && files.kind(devicePath(device)) !== null,
        canParentCome: () => (address === null ? coming.only === shown : coming.can(address)),
        parentMissing: () =>
          new VfioError('NOT_FOUND', `the device ${shown} is not there: this host has none by that name`, {
            hint: `${device === null || address !== null ? 'lspci' : `ls ${busNamed(device.bus).devices}`}; vfioctl release ${shown} forgets it`,
            facts: { device: device?.name ?? name },
          }),
        bringUp: async (options: ChangeOptions) => {
          const { driver, ...made } = await bindKept(kernel, device ?? parseBusDevice(name), value, options)
          // before its module was loaded, nothing told the driver's name
          return driver === null ? made : { ...made, name: driver }
        },
      },
    ]
  })
  return { tasks, warnings }
}
