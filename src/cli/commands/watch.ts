import { VfioError } from '../../errors.ts'
import type { HostChange } from '../../lifecycle/watch/host-change.ts'
import { watchHost } from '../../lifecycle/watch/watch-host.ts'
import { escaped } from '../../units.ts'
import { type Command, command } from '../command.ts'
import { changeText } from '../output/host-change-text.ts'
import { jsonLine } from '../output/output.ts'

const watch: Command = command({
  arguments: {},
  examples: [
    ['vfioctl watch', 'what is there, then a line for each change, until Ctrl-C'],
    ['vfioctl watch --json', 'one JSON object a line, for programs'],
  ],
  async run(_values, context, io) {
    const interruption = io.interruption()
    const signal = AbortSignal.any([interruption, io.readerGone])
    try {
      for await (const change of watchHost(await context.kernel(), signal))
        io.out(context.options.json ? jsonLine(timed(change)) : `${escaped(changeText(change))}\n`)
    } catch (error) {
      if (!signal.aborted || error !== signal.reason) throw error
    }
    if (interruption.aborted) throw new VfioError('INTERRUPTED', 'interrupted')
  },
})
export default watch

function timed({ what, change, ...thing }: HostChange): object {
  return { time: new Date().toISOString(), what, change, ...thing }
}
