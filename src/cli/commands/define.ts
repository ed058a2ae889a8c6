import { changeOptions, given } from '../arguments/change-options.ts'
import { readDefinitionFile, refuseBeside, startMode } from '../arguments/definition.ts'
import { namedParent, newDevice } from '../arguments/device-argument.ts'
import { dryRun } from '../arguments/global-options.ts'
import { givenShares, shareOptions } from '../arguments/shares.ts'
import { auto, device, force, jsonFile, manual, parent, type, uuid } from '../arguments/virtual-device.ts'
import { type Command, command } from '../command/command.ts'
import { reportChange } from '../output/report-change.ts'

const define: Command = command({
  arguments: {
    device,
    uuid: { ...uuid, describe: 'the device (default: a new UUID, which is printed)' },
    parent,
    type,
    ...shareOptions,
    auto,
    manual,
    jsonfile: jsonFile,
    force,
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl define -p mtty -t mtty-2', 'a new definition, started on demand'],
    ['vfioctl define -p 0000:3b:00.0 -t "GRID T4-1B" --auto', 'one that starts when its card appears'],
    ['vfioctl define 03:00.1 --vram 8G --auto', 'a share of an Intel GPU, given before the function comes at boot'],
    ['vfioctl define -u UUID', 'store a running device as it is'],
  ],
  async run(values, context, io) {
    refuseBeside(values.jsonfile, { type: values.type, auto: values.auto, manual: values.manual })
    const fromFile = readDefinitionFile(values.jsonfile, io)
    const named = await newDevice(values, context)
    const request = given({
      name: named,
      parent: await namedParent(values.parent, context),
      type: fromFile?.type ?? values.type,
      shares: givenShares(values),
      start: fromFile?.start ?? startMode(values),
      attributes: fromFile?.attributes,
      force: values.force ? true : undefined,
    })
    const host = await context.host()
    const change = await host.define(request, changeOptions(values, io))
    reportChange(change, context, io, {
      printName: named === undefined,
      done: (done) => `defined ${done.name} on ${done.parent} (${done.type})`,
      already: (same) => `already defined: ${same.name} on ${same.parent} (${same.type})`,
    })
  },
})
export default define
