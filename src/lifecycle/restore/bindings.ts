import { VfioError } from '../../base/errors.ts'
import { parsePciAddress, pciAddressOrNull } from '../../base/units.ts'
import { pciDevices } from '../../host/pci-bus.ts'
import { bindKept } from '../bindings/bind-kept.ts'
import type { ChangeOptions } from '../change/change.ts'
import type { RestoreStage, RestoreTask } from '../device/restore-task.ts'
import { keptBindings } from '../settings/bindings.ts'

/**
 * The drivers that PCI devices are to have at every boot. That of a virtual function which its card is not to get is kept
 * until it is: there is nothing to bring up.
 */
export const boundDevices: RestoreStage = (kernel, coming) => {
  const { files } = kernel
  const { settings, warnings } = keptBindings.list(files)
  const tasks = settings.flatMap(({ name, value }): RestoreTask[] => {
    const address = pciAddressOrNull(name)
    if ((coming.only !== undefined && name !== coming.only) || (address !== null && coming.isLeftOut(address)))
      return []
    return [
      {
        kind: 'binding',
        parent: name,
        name: value.driver,
        type: null,
        plannedSteps: () => [],
        isParentThere: () => files.kind(`${pciDevices}/${name}`) !== null,
        canParentCome: () => address !== null && coming.can(address),
        parentMissing: () =>
          new VfioError('NOT_FOUND', `the device ${name} is not there: this host has none at that address`, {
            hint: `lspci; vfioctl release ${name} forgets it`,
            facts: { device: name },
          }),
        bringUp: (options: ChangeOptions) => bindKept(kernel, parsePciAddress(name), value, options),
      },
    ]
  })
  return { tasks, warnings }
}
