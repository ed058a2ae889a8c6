import { VfioError } from '../../base/errors.ts'
import { escaped } from '../../base/units.ts'
import { checkNamesAreThere } from '../../lifecycle/kinds/named-device.ts'
import type { HostChange } from '../../lifecycle/watch/host-change.ts'
import { given } from '../arguments/change-options.ts'
import { namedParent } from '../arguments/device-argument.ts'
import { parent } from '../arguments/virtual-device.ts'
import { type Command, command } from '../command/command.ts'
import type { Context } from '../command/context.ts'
import type { Io } from '../io/io.ts'
import { changeText } from '../output/host-change-text.ts'
import { jsonLine } from '../output/output.ts'

const watch: Command = command({
  arguments: { parent: { ...parent, describe: 'only the devices, definitions and types of this card' } },
  examples: [
    ['vfioctl watch', 'what is there, then a line for each change, until Ctrl-C'],
    ['vfioctl watch -p 3b:00.0', 'one card and its virtual functions'],
    ['vfioctl watch --json', 'one JSON object a line, for programs'],
  ],
  async run(values, context, io) {
    const interruption = io.interruption()
    const signal = AbortSignal.any([interruption, io.readerGone])
    const host = await context.host()
    const only = given({ parent: await namedParent(values.parent, context) })
    checkNamesAreThere(host.kernel.files, only)
    try {
      for await (const change of host.watch({ ...only, signal })) tell(change, context, io)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    }
    if (interruption.aborted) throw new VfioError('INTERRUPTED', 'interrupted')
  },
})
export default watch

/** Data on stdout, and for people what is no device on stderr. */
function tell(change: HostChange, { options }: Context, io: Io): void {
  if (options.json) io.out(jsonLine(timed(change)))
  else io[change.what === 'warning' ? 'err' : 'out'](`${escaped(changeText(change))}\n`)
}

function timed({ what, change, ...thing }: HostChange): object {
  return { time: new Date().toISOString(), what, change, ...thing }
}
