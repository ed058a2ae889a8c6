import { dryRun } from '../arguments/global-options.ts'
import { device } from '../arguments/region.ts'
import { type Command, command } from '../command/command.ts'
import { withDevice } from '../device/opened-device.ts'
import { json } from '../output/output.ts'

const reset: Command = command({
  arguments: { device, 'dry-run': dryRun },
  examples: [
    ['vfioctl reset 3b:00.0', 'reset it: the device loses its state'],
    ['vfioctl reset 3b:00.0 --dry-run', 'open it only, and say what would be done'],
  ],
  async run(values, context, io) {
    const dry = values['dry-run']
    const name = await withDevice(values.device, context, async (device) => {
      // if there is no reset, the attempt says so without making one
      if (!dry || !device.info.flags.reset) await device.reset()
      return device.name
    })
    if (context.options.json) io.out(json({ device: name, changed: true, dryRun: dry }))
    else if (dry) io.out(`ioctl VFIO_DEVICE_RESET > ${name}\n`)
    else io.err(`reset ${name}\n`)
  },
})
export default reset
