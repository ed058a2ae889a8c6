import { changeOptions, given } from '../arguments/change-options.ts'
import { namedParent, requiredDevice } from '../arguments/device-argument.ts'
import { dryRun } from '../arguments/global-options.ts'
import { device, overrule, parent, uuid } from '../arguments/virtual-device.ts'
import { type Command, command } from '../command/command.ts'
import { reportChange } from '../output/report-change.ts'

const stop: Command = command({
  arguments: {
    device: { ...device, completes: 'active device' },
    uuid: { ...uuid, completes: 'active device' },
    parent: { ...parent, describe: 'its parent, if its UUID is defined under several' },
    force: overrule,
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl stop UUID', 'stop it; its definition stays'],
    ['vfioctl stop /dev/vfio/7', 'the device behind a node'],
  ],
  async run(values, context, io) {
    const name = await requiredDevice(values, context, 'vfioctl stop UUID; `vfioctl list --active` shows them')
    const choice = { name, ...given({ parent: await namedParent(values.parent, context) }) }
    const host = await context.host()
    const change = await host.stop(choice, changeOptions(values, io))
    reportChange(change, context, io, {
      done: (done) => `stopped ${done.name} on ${done.parent} (${done.type})`,
      already: (same) => `already stopped: ${same.name}; nothing to do`,
    })
  },
})
export default stop
