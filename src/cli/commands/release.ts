import { release as releaseDevice } from '../../lifecycle/bindings/release.ts'
import { dryRun } from '../arguments/global-options.ts'
import { bindingOptions, findPciDevices, forceTaking, pciDevice, wholeGroup } from '../arguments/pci-device.ts'
import { type Command, command } from '../command.ts'
import { reportBindings } from '../output/report-bindings.ts'

const release: Command = command({
  arguments: { device: pciDevice, group: wholeGroup, force: forceTaking, 'dry-run': dryRun },
  examples: [
    ['vfioctl release 3b:00.0', 'back to the driver that knows it'],
    ['vfioctl release 3b:00.0 --group', 'with the rest of its IOMMU group'],
  ],
  async run({ device, group, ...values }, context, io) {
    const kernel = await context.kernel()
    const request = { device: findPciDevices(kernel.files, device), group }
    const changes = await releaseDevice(kernel, request, bindingOptions(values, io))
    await reportBindings(changes, context, io, ({ device, to }) => {
      return `already released: ${device} is with ${to ?? 'no driver'}; nothing to do`
    })
  },
})
export default release
