import type { Host } from '../../host.ts'
import type { Change } from '../../lifecycle/change/change.ts'
import { changeOptions, given } from '../arguments/change-options.ts'
import { readDefinitionFile, refuseBeside } from '../arguments/definition.ts'
import { namedDevice, namedParent, newDevice } from '../arguments/device-argument.ts'
import { dryRun } from '../arguments/global-options.ts'
import { givenShares, shareOptions } from '../arguments/shares.ts'
import { device, jsonFile, overrule, parent, type, uuid } from '../arguments/virtual-device.ts'
import { type Command, command } from '../command/command.ts'
import { reportChange } from '../output/report-change.ts'

const start: Command = command({
  arguments: {
    device: { ...device, completes: 'inactive device' },
    uuid: { ...uuid, completes: 'inactive device', describe: 'the device (default: a new UUID, which is printed)' },
    parent,
    type,
    ...shareOptions,
    jsonfile: jsonFile,
    force: overrule,
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl start UUID', 'a defined device'],
    ['vfioctl start -p mtty -t mtty-2', 'a device that is gone after the next stop'],
    ['vfioctl start -p 41:00.0 -t L40S-24Q', 'a vGPU on any free function of that card'],
    ['vfioctl start -p 41:00.4 -t L40S-24Q', 'a vGPU on that function'],
    ['vfioctl start 03:00.1 --vram 8G --quantum 10ms --timeout 20ms', 'a share of an Intel GPU for that function'],
    ['vfioctl start UUID --dry-run', 'the writes that would create it'],
  ],
  async run(values, context, io) {
    refuseBeside(values.jsonfile, { type: values.type })
    const fromFile = readDefinitionFile(values.jsonfile, io)
    const shares = givenShares(values)
    const isMade = values.type !== undefined || shares !== undefined || fromFile !== null
    const named = await (isMade ? newDevice : namedDevice)(values, context)
    const request = given({
      name: named,
      parent: await namedParent(values.parent, context),
      type: fromFile?.type ?? values.type,
      shares,
      attributes: fromFile?.attributes,
    })
    const host = await context.host()
    const change = await host.start(request, { ...changeOptions(values, io), signal: io.interruption() })
    reportChange(change, context, io, {
      printName: named === undefined,
      done: (done) => `started ${done.name} on ${done.parent} (${done.type})${place(host, done)}`,
      already: (same) => `already started: ${same.name} on ${same.parent} (${same.type}); nothing to do`,
    })
  },
})
export default start

function place(host: Host, { name }: Change): string {
  const [running] = host.list({ name, active: true }).devices
  return running?.node == null ? '' : `, group ${running.group}, ${running.node}`
}
