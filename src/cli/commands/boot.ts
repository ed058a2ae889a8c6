import { resolve } from 'node:path'
import type { BootStep } from '../../lifecycle/boot/install.ts'
import { dryRun } from '../arguments/global-options.ts'
import { action, type Command, command } from '../command/command.ts'
import { bootStatusFaults, bootStatusText } from '../output/boot-status-text.ts'
import { json } from '../output/output.ts'
import { shownStep } from '../output/report-change.ts'
import { forSameHost } from '../output/same-host.ts'

const boot: Command = command({
  arguments: {
    action: action('boot', {
      install: 'write systemd units and a udev rule that run `vfioctl restore`',
      remove: 'delete them',
      status: 'show which of them are there, and what is bound early: the rule, and the initramfs that has it',
    }),
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl boot install', 'run restore at boot, and for cards and drivers that come later'],
    ['vfioctl boot install --root /mnt/image', 'for a system that is not running'],
    ['vfioctl boot status', 'is the next boot as it should be?'],
    ['vfioctl boot remove', 'delete all that install wrote'],
  ],
  async run(values, context, io) {
    const { root, mock, json: asJson } = context.options
    const isDry = values['dry-run']
    const { boot } = await context.host()
    if (values.action === 'status') {
      const status = await boot.status()
      if (asJson) return io.out(json(status))
      io.out(bootStatusText(status))
      for (const line of bootStatusFaults(status)) io.err(`${forSameHost(line, context.givenHost)}\n`)
      return
    }
    const options = { live: root === null && mock === null, dryRun: isDry }
    const program = io.program.map((path) => belowRoot(path, root))
    const change = await (values.action === 'install' ? boot.install({ ...options, program }) : boot.remove(options))
    if (asJson) {
      io.out(json(change))
      return
    }
    if (isDry) io.out(change.steps.map((step) => `${shownStep(step)}\n`).join(''))
    else for (const step of change.steps) io.err(`${shownDone(step)}\n`)
    if (!change.changed)
      io.err(values.action === 'install' ? 'already installed\n' : 'nothing of vfioctl is installed\n')
    for (const note of change.notes) io.err(`note: ${note}\n`)
  },
})
export default boot

function shownDone(step: BootStep): string {
  if (step.action === 'run') return `ran ${[step.path, ...step.arguments].join(' ')}`
  return `${step.action === 'save' ? 'wrote' : 'deleted'} ${step.path}`
}

/** Path on the host whose files are below `root`, of a path on this machine. */
function belowRoot(path: string, root: string | null): string {
  const above = root === null ? '/' : `${resolve(root)}/`
  return path.startsWith(above) ? `/${path.slice(above.length)}` : path
}
