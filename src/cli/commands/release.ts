import { dryRun } from '../arguments/global-options.ts'
import { bindable, bindingOptions, findBindable, forceTaking, wholeGroup } from '../arguments/pci-device.ts'
import { type Command, command } from '../command/command.ts'
import { changed, reportBindings } from '../output/report-bindings.ts'

const release: Command = command({
  arguments: { device: bindable, group: wholeGroup, force: forceTaking, 'dry-run': dryRun },
  examples: [
    ['vfioctl release 3b:00.0', 'back to its own driver'],
    ['vfioctl release 3b:00.0 --group', 'and the rest of its IOMMU group'],
  ],
  async run({ device, group, ...values }, context, io) {
    const host = await context.host()
    const request = { device: findBindable(host.kernel.files, device), group }
    const changes = await host.release(request, bindingOptions(values, io))
    await reportBindings(changes, context, io, (same) => {
      return `already released: ${changed(same)} is with ${same.to ?? 'no driver'}; nothing to do`
    })
  },
})
export default release
