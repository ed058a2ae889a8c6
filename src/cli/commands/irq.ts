import { VfioError } from '../../base/errors.ts'
import { counted, printable } from '../../base/units.ts'
import type { Device } from '../../vfio/device.ts'
import type { Irq } from '../../vfio/irq/irq.ts'
import { given } from '../arguments/change-options.ts'
import { dryRun } from '../arguments/global-options.ts'
import { parseSeconds, parseVectors, wholeNumber } from '../arguments/numbers.ts'
import { device } from '../arguments/region.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import { type WatchLimits, watchIrq } from '../device/irq-watch.ts'
import { withDevice } from '../device/opened-device.ts'
import type { Io } from '../io/io.ts'
import { json } from '../output/output.ts'

type Action = 'watch' | 'trigger'

/** An eventfd is signalled within the call; this is for a kernel that is very busy. */
const triggerTimeoutMs = 5000

const irq: Command = command({
  arguments: {
    device,
    action: {
      kind: 'required',
      completes: ['watch', 'trigger'],
      parse: parseAction,
      describe: 'watch: print each interrupt; trigger: raise one in software, and check that it arrives',
    },
    index: {
      kind: 'optional',
      completes: ['intx', 'msi', 'msix', 'err', 'req'],
      parse: text,
      describe:
        'intx, msi, msix, err, req, or its number (watch needs none: it takes the first of msix, msi and intx that the device has)',
    },
    vector: {
      kind: 'optional',
      completes: 'nothing',
      parse: wholeNumber('vector', 0xffff),
      describe: 'the vector to trigger (default: 0)',
    },
    vectors: {
      kind: 'option',
      value: 'LIST',
      completes: 'nothing',
      parse: parseVectors,
      describe: 'the vectors to watch, such as 0-3,8 (default: all)',
    },
    count: {
      kind: 'option',
      alias: 'n',
      value: 'N',
      completes: 'nothing',
      parse: wholeNumber('--count', Number.MAX_SAFE_INTEGER),
      describe: 'end after this many lines',
    },
    timeout: {
      kind: 'option',
      value: 'SECONDS',
      completes: 'nothing',
      parse: parseSeconds,
      describe: 'end after this time; with --count, fail if fewer lines came',
    },
    'dry-run': dryRun,
    'bus-master': { kind: 'flag', describe: 'Turn on bus mastering, without which the device sends no msi or msix' },
  },
  examples: [
    ['vfioctl irq 3b:00.0 watch', 'one line for each interrupt, until Ctrl-C'],
    ['vfioctl irq 3b:00.0 watch msix --vectors 0-3 --bus-master --count 1 --timeout 10', 'wait for one'],
    ['vfioctl irq 3b:00.0 trigger msix 2', 'check that a vector reaches this process'],
    ['vfioctl irq 3b:00.0 trigger msix 2 --dry-run', 'open the device only, and say what would be done'],
  ],
  async run(values, context, io) {
    const { action, index, vector, vectors, count, timeout } = values
    const asJson = context.options.json
    if (action === 'trigger') {
      if (index === undefined) throw usageError('name the interrupt to trigger', 'vfioctl irq DEVICE trigger intx')
      refuse({ '--vectors': vectors, '--count': count, '--timeout': timeout }, 'trigger')
      await withDevice(values.device, context, (device) =>
        trigger(device, irqNamed(device, index), { vector: vector ?? 0, dry: values['dry-run'], asJson }, io),
      )
      return
    }
    refuse({ vector, '--dry-run': values['dry-run'] || undefined }, 'watch')
    if (count === 0) throw usageError('--count 0 would watch nothing')
    const ends = { interruption: io.interruption(), readerGone: io.readerGone }
    const limits: WatchLimits = { ...ends, ...given({ count, timeoutMs: timeout }) }
    await withDevice(values.device, context, async (device) => {
      const watched = index === undefined ? bestIrq(device) : irqNamed(device, index)
      prepareBus(device, watched, values['bus-master'], io)
      await watchIrq(device, watched, vectors ?? null, limits, (event) => {
        const { irq, vector, count } = event
        io.out(asJson ? `${JSON.stringify(event)}\n` : `${irq} ${vector}: ${counted(count, 'event')}\n`)
      })
    })
  },
})
export default irq

function parseAction(given: string): Action {
  if (given === 'watch' || given === 'trigger') return given
  throw usageError(`'${printable(given)}' is neither watch nor trigger`)
}

function refuse(options: Readonly<Record<string, unknown>>, action: Action): void {
  const [given] = Object.entries(options).find(([, value]) => value !== undefined) ?? []
  if (given !== undefined) throw usageError(`${given} does not go with ${action}`)
}

function irqNamed(device: Device, name: string): Irq {
  return device.irqs.get(/^\d{1,10}$/.test(name) ? Number(name) : name)
}

/** The one that a driver would take. */
function bestIrq(device: Device): Irq {
  const there = [...device.irqs].filter(({ count }) => count > 0)
  const best = ['msix', 'msi', 'intx']
    .map((name) => there.find((irq) => irq.name === name))
    .find((irq) => irq !== undefined)
  const found = best ?? there[0]
  if (found !== undefined) return found
  throw new VfioError('NOT_SUPPORTED', `${device.name} has no interrupts`, { hint: 'vfioctl inspect DEVICE' })
}

function prepareBus(device: Device, { name }: Irq, master: boolean, io: Io): void {
  if (!device.info.flags.pci) return
  if (master) device.pci.busMaster = true
  else if (name.startsWith('msi') && !device.pci.busMaster) {
    io.err(`${name} needs a device that masters the bus, and this one does not: --bus-master lets it\n`)
  }
}

/** Within one process: the interrupts of a device belong to whoever has it open. Closing the device disables it. */
async function trigger(
  device: Device,
  irq: Irq,
  { vector, dry, asJson }: { readonly vector: number; readonly dry: boolean; readonly asJson: boolean },
  io: Io,
): Promise<void> {
  // of a vector that is not there, the attempt says so without making one
  if (dry && vector < irq.count) {
    if (asJson) io.out(json({ device: device.name, irq: irq.name, vector, dryRun: true }))
    else io.out(`ioctl VFIO_DEVICE_SET_IRQS > ${device.name} (trigger ${irq.name} ${vector})\n`)
    return
  }
  const enabled = irq.enable([vector])
  enabled.trigger(vector)
  const { count } = await enabled.next({ vector, timeoutMs: triggerTimeoutMs })
  if (asJson) io.out(json({ device: device.name, irq: irq.name, vector, count }))
  else io.err(`triggered ${irq.name} ${vector} of ${device.name}, and it came\n`)
}
