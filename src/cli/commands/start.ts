import { findMdevDevice } from '../../host/mdev-devices.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Change } from '../../lifecycle/change.ts'
import { start as startDevice } from '../../lifecycle/start.ts'
import { device, given, jsonFile, overrule, parent, type, uuid } from '../arguments.ts'
import { changeOptions } from '../change-options.ts'
import { type Command, command } from '../command.ts'
import { readDefinitionFile, refuseBeside } from '../definition-file.ts'
import { namedDevice } from '../device-argument.ts'
import { dryRun } from '../options.ts'
import { reportChange } from '../report-change.ts'

const start: Command = command({
  arguments: {
    device: { ...device, completes: 'inactive device' },
    uuid: { ...uuid, completes: 'inactive device', describe: 'the device; made up, and printed, where left out' },
    parent,
    type,
    jsonfile: jsonFile,
    force: overrule,
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl start UUID', 'a defined device'],
    ['vfioctl start -p mtty -t mtty-2', 'a device that is gone after the next stop'],
    ['vfioctl start UUID --dry-run', 'the writes that would make it'],
  ],
  async run(values, context, io) {
    refuseBeside(values.jsonfile, { type: values.type })
    const fromFile = readDefinitionFile(values.jsonfile, io)
    const named = await namedDevice(values, context)
    const request = given({
      uuid: named,
      parent: values.parent,
      type: fromFile?.type ?? values.type,
      attributes: fromFile?.attributes,
    })
    const kernel = await context.kernel()
    const change = await startDevice(kernel, request, { ...changeOptions(values, io), signal: io.interruption() })
    reportChange(change, context, io, {
      printUuid: named === undefined,
      done: (done) => `started ${done.uuid} on ${done.parent} (${done.type})${place(kernel, done)}`,
      already: (same) => `already started: ${same.uuid} on ${same.parent} (${same.type}); nothing to do`,
    })
  },
})
export default start

function place(kernel: Kernel, { uuid }: Change): string {
  const running = findMdevDevice(kernel.files, uuid)
  return running?.node == null ? '' : `, group ${running.group}, ${running.node}`
}
