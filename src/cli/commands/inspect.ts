import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import { type IommuGroup, readIommuGroups } from '../../host/iommu-groups.ts'
import type { Warning } from '../../host/warning.ts'
import type { ConfigSpace } from '../../vfio/config-space/config-space.ts'
import { describeDevice } from '../../vfio/describe-device.ts'
import type { Device } from '../../vfio/device.ts'
import { device } from '../arguments/region.ts'
import { type Command, command } from '../command.ts'
import { type Opened, withDevice } from '../device/opened-device.ts'
import { type Inspection, inspectionText } from '../output/inspection-text.ts'
import { json } from '../output/output.ts'
import { reportWarnings } from '../output/report-warnings.ts'

const inspect: Command = command({
  arguments: { device },
  examples: [
    ['vfioctl inspect UUID', 'what a device is, its regions, its interrupts and its configuration space'],
    ['vfioctl inspect 3b:00.0', 'a PCI device that vfio-pci has'],
    ['vfioctl inspect /dev/vfio/7 --json', 'the same for programs'],
  ],
  async run(values, context, io) {
    const inspection = await withDevice(values.device, context, look)
    if (context.options.json) {
      io.out(json(inspection))
      return
    }
    reportWarnings(inspection.warnings, io)
    io.out(inspectionText(inspection))
  },
})
export default inspect

function look({ kernel, device, virtualDevice }: Opened): Inspection {
  const { pageSize, ranges, availableMappings } = device.addressSpace.info()
  const { groups, warnings } = readIommuGroups(kernel.files, { device: device.name })
  return {
    virtualDevice,
    group: groups.map((group) => withoutUser(group, kernel.pid))[0] ?? null,
    device: describeDevice(device),
    addressSpace: {
      mode: device.iommuMode,
      pageSize,
      ranges: ranges.map(({ first, last }) => ({ first: hex(first), last: hex(last) })),
      availableMappings,
    },
    config: configSpace(device, warnings),
    warnings,
  }
}

/** Nobody asks who inspects it. */
function withoutUser(group: IommuGroup, pid: number): IommuGroup {
  return { ...group, users: group.users.filter((user) => user.pid !== pid) }
}

/** A device whose configuration space is broken is inspected all the more. */
function configSpace(device: Device, warnings: Warning[]): ConfigSpace | null {
  if (!device.info.flags.pci) return null
  try {
    return device.pci.configSpace()
  } catch (error) {
    if (!(error instanceof VfioError)) throw error
    warnings.push({ path: `${device.name} config`, message: error.message })
    return null
  }
}
