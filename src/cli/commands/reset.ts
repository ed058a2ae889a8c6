import { VfioError } from '../../base/errors.ts'
import type { Recovery } from '../../lifecycle/recovery/recovery.ts'
import { dryRun } from '../arguments/global-options.ts'
import { bindingOptions, findPciDevice, forceTaking } from '../arguments/pci-device.ts'
import { device } from '../arguments/region.ts'
import { type Command, command, usageError } from '../command/command.ts'
import type { Context } from '../command/context.ts'
import { withDevice } from '../device/opened-device.ts'
import type { Io } from '../io/io.ts'
import { json } from '../output/output.ts'
import { shownStep } from '../output/report-change.ts'

const reset: Command = command({
  arguments: {
    device,
    try: {
      kind: 'flag',
      describe:
        'Bring back a device that hangs: each way that the kernel has to reset it, one after another, then off the bus and ' +
        'found again, or its virtual functions made anew, until it answers. One that answers is made anew only with --force',
    },
    force: {
      ...forceTaking,
      describe:
        'With --try: even if the host uses it (an interface that is up, a mounted disk), and anew if it answers',
    },
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl reset 3b:00.0', 'reset it: the device loses its state'],
    ['vfioctl reset 3b:00.0 --dry-run', 'open it only, and say what would be done'],
    ['vfioctl reset 3b:00.0 --try --dry-run', 'the ways to bring it back if it hangs, and the cost of each'],
    ['vfioctl reset 3b:00.0 --try', 'one way after another, until it answers'],
  ],
  async run(values, context, io) {
    if (values.try) {
      await bringBack(values, context, io)
      return
    }
    if (values.force)
      throw usageError(
        '--force goes with --try: a reset through VFIO never takes a device from whoever uses it',
        `vfioctl reset ${values.device} --try --force`,
      )
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

/** NOT_RECOVERED if no way helped. */
async function bringBack(
  values: { readonly device: string; readonly force: boolean; readonly 'dry-run': boolean },
  context: Context,
  io: Io,
): Promise<void> {
  const host = await context.host()
  const address = findPciDevice(host.kernel.files, values.device)
  const recovery = await host.recover({ device: address }, bindingOptions(values, io))
  if (context.options.json) io.out(json(recovery))
  else if (recovery.dryRun) io.out(waysText(recovery))
  if (recovery.dryRun) return
  const { attempts, recovered } = recovery
  const tried = attempts.map(({ way }) => way)
  if (!recovered) throw notRecovered(recovery)
  const done = recovery.answered === true ? 'is reset by' : 'answers again after'
  if (!context.options.json) io.err(`${address} ${done} ${tried.at(-1)}\n`)
}

function notRecovered({ device, attempts, answered }: Recovery): VfioError {
  const tried = attempts.map(({ way }) => way)
  const facts = { device, tried, answered }
  if (attempts.every(({ outcome }) => outcome === 'refused')) {
    const refusals = attempts.map(({ way, refusal }) => `${way}: ${refusal}`)
    return new VfioError('NOT_RECOVERED', `the kernel refused each reset of ${device}: ${refusals.join('; ')}`, {
      hint: answered === true ? `it answers all the same; --force has it made anew` : 'dmesg | tail',
      facts,
    })
  }
  return new VfioError('NOT_RECOVERED', `${device} did not come back: tried ${tried.join(', ')}`, {
    hint: 'dmesg | tail; what is left is the power of its slot, or of the machine',
    facts,
  })
}

function waysText({ device, answered, ways }: Recovery): string {
  const state = answered === null ? 'cannot be asked: sudo' : answered ? 'answers' : 'does not answer: it hangs'
  const shown = ways.flatMap(({ way, cost, steps }) => [
    `${way}: ${cost}`,
    ...steps.map((step) => `  ${shownStep(step)}`),
  ])
  return [`${device} ${state}`, ...shown, ''].join('\n')
}
