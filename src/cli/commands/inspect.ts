import { device } from '../arguments/region.ts'
import { type Command, command } from '../command/command.ts'
import { inspectionText } from '../output/inspection-text.ts'
import { json, reportWarnings } from '../output/output.ts'

const inspect: Command = command({
  arguments: { device },
  examples: [
    ['vfioctl inspect UUID', 'a virtual device: its regions, interrupts and configuration space'],
    ['vfioctl inspect 3b:00.0', 'a PCI device that is bound to vfio-pci'],
    ['vfioctl inspect /dev/vfio/7 --json', 'the same for programs'],
  ],
  async run(values, context, io) {
    const host = await context.host()
    const inspection = await host.inspect(values.device)
    if (context.options.json) {
      io.out(json(inspection))
      return
    }
    reportWarnings(inspection.warnings, io)
    io.out(inspectionText(inspection))
  },
})
export default inspect
