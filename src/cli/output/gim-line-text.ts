import type { GimLineChange } from '../../lifecycle/sriov/gim-line.ts'
import type { Context } from '../command/context.ts'
import type { Io } from '../io/io.ts'
import { json } from './output.ts'
import { reportDryRun } from './report-change.ts'

/** Says which line of modprobe was written for gim, and what has to be done before it counts. */
export function reportGimLine(change: GimLineChange, { options }: Context, io: Io): void {
  const { line, cards, after } = change
  const already = () =>
    line === null ? 'already so: modprobe has no line of vfioctl’s for gim' : `already so: ${line}`
  if (options.json) io.out(json(change))
  else if (change.dryRun) reportDryRun([change], io, already)
  else if (!change.changed) io.err(`${already()}\n`)
  else {
    const each = cards.map(({ device, count }) => `${device} ${count}`).join(', ')
    io.err(
      line === null
        ? 'the line for gim is taken out; gim goes on with its last numbers, which it keeps in /etc/gim_config\n'
        : `once gim is loaded anew, at every boot too, its GPUs have virtual functions: ${each} (${line})\n`,
    )
    const early = after.map((command) => `${command}; `).join('')
    io.err(
      `until then, nothing changes: stop what has its functions, then ${early}modprobe -r gim; modprobe gim, or reboot. ` +
        'With a new number, gim forgets the partition modes that it has saved.\n',
    )
  }
}
