import { encode } from 'fast-png'
import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { device } from '../arguments/region.ts'
import { type Command, command, text } from '../command/command.ts'
import { withDevice } from '../device/opened-device.ts'
import { writeWhole } from '../io/write-whole.ts'
import { json } from '../output/output.ts'

const screenshot: Command = command({
  arguments: {
    device,
    file: { kind: 'required', completes: 'file', parse: text, describe: 'PNG file to write, whole or not at all' },
  },
  examples: [['vfioctl screenshot 83b8f4f2 screen.png', 'the picture that a virtual GPU shows now']],
  async run(values, context, io) {
    await withDevice(values.device, context, async (opened) => {
      const picture = opened.display.screenshot()
      if (picture === null) {
        throw new VfioError('NOT_FOUND', `${opened.name} shows nothing: its display is off`, {
          hint: 'a guest turns it on, with the driver of the display',
          facts: { device: opened.name },
        })
      }
      const { width, height, data } = picture
      const file = encode({ width, height, data, channels: 3, depth: 8 })
      await writeWhole(values.file, [file], io.interruption())
      if (context.options.json) io.out(json({ device: opened.name, width, height, file: values.file }))
      else io.err(`wrote the screen of ${opened.name}, ${width}x${height} pixels, to ${printable(values.file)}\n`)
    })
  },
})
export default screenshot
