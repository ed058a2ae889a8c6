import { changeOptions, given } from '../arguments/change-options.ts'
import { readDefinitionFile, refuseBeside, startMode } from '../arguments/definition.ts'
import { namedParent, requiredDevice } from '../arguments/device-argument.ts'
import { dryRun } from '../arguments/global-options.ts'
import { wholeNumber } from '../arguments/numbers.ts'
import { givenShares, shareOptions } from '../arguments/shares.ts'
import { auto, device, force, jsonFile, manual, parent, type, uuid } from '../arguments/virtual-device.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import { reportChange } from '../output/report-change.ts'

const modify: Command = command({
  arguments: {
    device: { ...device, completes: 'defined device' },
    uuid: { ...uuid, completes: 'defined device' },
    parent: { ...parent, describe: 'the parent of the definition, if the UUID is defined under several' },
    type: { ...type, describe: 'another type, by its id or its name' },
    ...shareOptions,
    auto,
    manual,
    addattr: {
      kind: 'option',
      value: 'NAME',
      completes: 'nothing',
      parse: text,
      describe: 'add an attribute, with --value; at --index, or as the last',
    },
    value: { kind: 'option', value: 'TEXT', completes: 'nothing', parse: text, describe: 'what --addattr writes' },
    delattr: { kind: 'flag', describe: 'Take an attribute away: the one at --index, or the last' },
    index: {
      kind: 'option',
      alias: 'i',
      value: 'N',
      completes: 'nothing',
      parse: wholeNumber('--index', 0xffff),
      describe: 'a position in the list of attributes, from 0',
    },
    jsonfile: jsonFile,
    force,
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl modify UUID --auto', 'start it whenever its parent appears'],
    ['vfioctl modify UUID --addattr nvidia/vgpu_params --value frame_rate_limiter=0', 'add an attribute'],
    ['vfioctl modify 03:00.1 --vram 6G', 'another share of an Intel GPU from its next start on'],
    ['vfioctl modify UUID --delattr -i 0', 'take the first attribute away'],
  ],
  async run(values, context, io) {
    const { jsonfile, addattr, value, delattr, index } = values
    refuseBeside(jsonfile, { type: values.type, auto: values.auto, manual: values.manual, addattr, delattr, index })
    if (addattr !== undefined && delattr) throw usageError('--addattr and --delattr exclude each other')
    if ((addattr === undefined) !== (value === undefined)) throw usageError('--addattr and --value go together')
    if (index !== undefined && addattr === undefined && !delattr) {
      throw usageError('--index goes with --addattr or --delattr')
    }
    const name = await requiredDevice(values, context, 'vfioctl modify UUID …; `vfioctl list -d` shows them')
    const fromFile = readDefinitionFile(jsonfile, io)
    const at = given({ index })
    const changes = given({
      type: fromFile?.type ?? values.type,
      shares: givenShares(values),
      start: fromFile?.start ?? startMode(values),
      attributes: fromFile?.attributes,
      addAttribute: addattr === undefined || value === undefined ? undefined : { name: addattr, value, ...at },
      removeAttribute: delattr ? at : undefined,
    })
    if (Object.keys(changes).length === 0) {
      throw usageError('nothing to change is named', 'one of -t, --auto, --manual, --addattr, --delattr, --jsonfile')
    }
    const request = {
      name,
      ...given({ parent: await namedParent(values.parent, context) }),
      ...changes,
      force: values.force,
    }
    const host = await context.host()
    const change = await host.modify(request, changeOptions(values, io))
    reportChange(change, context, io, {
      done: (done) => `modified ${done.name} on ${done.parent} (${done.type}); a running device stays as it is`,
      already: (same) => `already so: ${same.name} on ${same.parent} (${same.type})`,
    })
  },
})
export default modify
