import { VfioError } from '../../base/errors.ts'
import { parseUuid } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import { readMdevTypes } from '../../lifecycle/kinds/mdev/mdev-types.ts'
import { given } from '../arguments/change-options.ts'
import { tracedIfAsked } from '../command/context.ts'
import type { Io } from '../io/io.ts'
import { define, modify, start, startParentMdevs, stop, undefine } from './changes.ts'
import { type MdevctlCall, type MdevctlLine, parseMdevctl } from './command-line.ts'
import { isShown, listJson, listText, typesJson, typesText } from './output.ts'
import { definedDevices, runningDevices } from './shown-devices.ts'

const subcommands: Readonly<Record<string, (call: MdevctlCall) => Promise<void> | void>> = {
  define,
  undefine,
  modify,
  start,
  stop,
  'start-parent-mdevs': startParentMdevs,
  list,
  types,
}

/**
 * `mdevctl` or `lsmdev` as scripts, udev rules and libvirt know them: its flags, output, files and exit statuses (0, 1
 * for a failure, 2 for a wrong command line). MDEVCTL_ENV_ROOT moves the host's files, and runs the scripts among them,
 * as in mdevctl's own tests.
 */
export async function runMdevctl(program: 'mdevctl' | 'lsmdev', argv: readonly string[], io: Io): Promise<number> {
  let line: MdevctlLine | { text: string }
  try {
    line = parseMdevctl(program, argv)
  } catch (error) {
    tell(error, io)
    return 2
  }
  if ('text' in line) {
    io.out(line.text)
    return 0
  }
  const { openLinux } = await import('../../kernel/linux.ts')
  const root = io.env['MDEVCTL_ENV_ROOT']
  const kernel = await tracedIfAsked(openLinux({ ...given({ root }), runsPrograms: true }), io.env)
  try {
    await subcommands[line.command]?.({ kernel, line, io, said: (text) => io.err(`${text}\n`) })
    return 0
  } catch (error) {
    tell(error, io)
    return 1
  } finally {
    kernel.dispose()
  }
}

async function list({ kernel, line, io, said }: MdevctlCall): Promise<void> {
  const uuid = line.value('uuid')
  const filter = { uuid: uuid === undefined ? undefined : parseUuid(uuid), parent: line.value('parent') }
  const isDefined = line.has('defined')
  const { devices, warnings } = isDefined ? definedDevices(kernel, filter) : await runningDevices(kernel, filter, said)
  warn(warnings, io)
  if (line.has('dumpjson')) io.out(listJson(devices, uuid !== undefined))
  else io.out(listText(devices, isDefined ? 'active' : 'defined', line.has('verbose')))
}

function types({ kernel, line, io }: MdevctlCall): void {
  // the name as it stands, if our own verbs take others for it
  const parent = line.value('parent')
  const found = readMdevTypes(kernel.files)
  warn(found.warnings, io)
  const types = found.types.filter(isShown).filter((type) => parent === undefined || type.parent === parent)
  io.out(line.has('dumpjson') ? typesJson(types) : typesText(types))
}

function warn(warnings: readonly Warning[], io: Io): void {
  for (const { path, message } of warnings) io.err(`Warning: ${path} ${message}\n`)
}

function tell(error: unknown, io: Io): void {
  io.err(`Error: ${error instanceof Error ? error.message : String(error)}\n`)
  if (error instanceof VfioError && error.hint !== null) io.err(`hint: ${error.hint}\n`)
}
