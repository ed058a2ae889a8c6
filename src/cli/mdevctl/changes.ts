import { VfioError } from '../../base/errors.ts'
import { parseUuid, type Uuid } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { Callouts } from '../../lifecycle/callouts/callouts.ts'
import type { Change, ChangeOptions } from '../../lifecycle/change/change.ts'
import type { Definition } from '../../lifecycle/definition/definition.ts'
import { define as defineDevice } from '../../lifecycle/kinds/mdev/define.ts'
import { findMdevDevice } from '../../lifecycle/kinds/mdev/mdev-devices.ts'
import { modify as modifyDevice } from '../../lifecycle/kinds/mdev/modify.ts'
import { start as startDevice } from '../../lifecycle/kinds/mdev/start.ts'
import { stop as stopDevice } from '../../lifecycle/kinds/mdev/stop.ts'
import { definedParents, readDefinitions } from '../../lifecycle/kinds/mdev/store.ts'
import { findParent } from '../../lifecycle/kinds/mdev/type-choice.ts'
import { undefine as undefineDevice } from '../../lifecycle/kinds/mdev/undefine.ts'
import { given } from '../arguments/change-options.ts'
import { readDefinitionFile } from '../arguments/definition.ts'
import type { MdevctlCall, MdevctlLine } from './command-line.ts'

// mdevctl refuses some of what our own verbs take for "already so", and asks less of a parent that is not there.

/** `mdevctl define`. */
export async function define({ kernel, line, io, said }: MdevctlCall): Promise<void> {
  const uuid = line.value('uuid')
  const fromFile = readDefinitionFile(line.value('jsonfile'), io)
  const parent = line.value('parent')
  if (fromFile !== null && parent === undefined) throw parentNeeded('define')
  const type = fromFile?.type ?? line.value('type')
  const running = uuid === undefined ? null : findMdevDevice(kernel.files, parseUuid(uuid))
  if (parent === undefined && type !== undefined) throw parentNeeded('define')
  const request = given({
    uuid,
    parent,
    type: type ?? running?.type,
    start: fromFile?.start ?? (line.has('auto') ? ('auto' as const) : undefined),
    attributes: fromFile?.attributes,
  })
  const change = await defineDevice(kernel, { ...request, ...exact, force: true }, options(line, said))
  if (!change.changed) throw refusal('ALREADY_EXISTS', `${change.uuid} is already defined on ${change.parent}`)
  printNew(change, uuid, io)
}

/** `mdevctl undefine`. */
export async function undefine({ kernel, line, said }: MdevctlCall): Promise<void> {
  const choice = { uuid: theUuid(line), ...exact, ...given({ parent: line.value('parent') }) }
  const changes = await undefineDevice(kernel, choice, options(line, said))
  if (changes.every(({ changed }) => !changed)) throw refusal('NOT_FOUND', `${choice.uuid} is not defined`)
}

/** `mdevctl modify`. */
export async function modify(call: MdevctlCall): Promise<void> {
  const { kernel, line, io, said } = call
  const fromFile = readDefinitionFile(line.value('jsonfile'), io)
  if (line.has('live')) return modifyLive(call, fromFile)
  const uuid = theUuid(line)
  const parent = line.value('parent')
  if (fromFile !== null) return replaceDefinition(call, uuid, fromFile)
  const index = line.value('index')
  const at = index === undefined ? {} : { index: Number(index) }
  const [name, value] = [line.value('addattr'), line.value('value')]
  const isEmptyList = index === undefined && hasNoAttribute(kernel, uuid, parent)
  const request = given({
    parent,
    type: line.value('type'),
    start: line.has('auto') ? ('auto' as const) : line.has('manual') ? ('manual' as const) : undefined,
    addAttribute: name === undefined || value === undefined ? undefined : { name, value, ...at },
    removeAttribute: line.has('delattr') && !isEmptyList ? at : undefined,
  })
  await modifyDevice(kernel, { uuid, ...request, ...exact, force: true, anew: true }, options(line, said))
}

/** A new definition in place of the old one, or where there was none. */
async function replaceDefinition(
  { kernel, line, said }: MdevctlCall,
  uuid: Uuid,
  definition: Definition,
): Promise<void> {
  const parent = line.value('parent')
  if (parent === undefined) throw parentNeeded('modify')
  const request = { uuid, parent, ...definition, ...exact, force: true, anew: true }
  if (definedParents(kernel.files, uuid, parent).length > 0) await modifyDevice(kernel, request, options(line, said))
  else await defineDevice(kernel, request, options(line, said))
}

async function modifyLive(call: MdevctlCall, definition: Definition | null): Promise<void> {
  const { kernel, line, said } = call
  const uuid = theUuid(line)
  const parent = line.value('parent')
  const active = findMdevDevice(kernel.files, uuid)
  if (active === null || (parent !== undefined && parent !== active.parent)) {
    throw refusal('NOT_FOUND', `${uuid} does not run${parent === undefined ? '' : ` on ${parent}`}`)
  }
  if (definition === null || line.has('auto') || line.has('manual')) {
    throw refusal('INVALID_ARGUMENT', 'a running device is modified by --jsonfile alone')
  }
  if (definition.type !== active.type) {
    throw refusal('INVALID_ARGUMENT', `the type of a running device cannot be changed: ${uuid} is a ${active.type}`)
  }
  if (line.has('defined') && definedParents(kernel.files, uuid, active.parent).length === 0) {
    throw refusal('NOT_FOUND', `${uuid} is not defined on ${active.parent}`)
  }
  await new Callouts(kernel, active, options(line, said)).modifyLive(definition)
  if (!line.has('defined')) return
  await modifyDevice(kernel, { uuid, parent: active.parent, ...definition, ...exact, force: true }, options(line, said))
}

/** `mdevctl start`. */
export async function start({ kernel, line, io, said }: MdevctlCall): Promise<void> {
  const uuid = line.value('uuid')
  const parent = line.value('parent')
  const fromFile = readDefinitionFile(line.value('jsonfile'), io)
  if (fromFile !== null && parent === undefined) throw parentNeeded('start')
  const type = fromFile?.type ?? line.value('type')
  if (parent !== undefined) checkSpelling(kernel, parent)
  else if (type !== undefined && !isDefined(kernel, uuid)) throw parentNeeded('start')
  const request = given({ uuid, parent, type, attributes: fromFile?.attributes, start: fromFile?.start })
  const change = await startDevice(kernel, { ...request, ...exact }, options(line, said))
  if (!change.changed) throw alreadyRuns(change)
  printNew(change, uuid, io)
}

/** libvirt has the device's group open while it has us stop the device. */
export async function stop({ kernel, line, io, said }: MdevctlCall): Promise<void> {
  const uuid = theUuid(line)
  const { changed } = await stopDevice(kernel, { uuid }, { ...options(line, said), keeper: io.caller })
  if (!changed) throw refusal('NOT_FOUND', `${uuid} does not run`)
}

/** `mdevctl start-parent-mdevs`, which udev calls for a parent that appears. A failure is a warning; the rest go on. */
export async function startParentMdevs({ kernel, line, io, said }: MdevctlCall): Promise<void> {
  const { definitions, warnings } = readDefinitions(kernel.files)
  for (const { path, message } of warnings) io.err(`Warning: ${path} ${message}\n`)
  for (const { uuid, parent, definition } of definitions) {
    if (parent !== line.operand || definition.start !== 'auto') continue
    try {
      const change = await startDevice(kernel, { uuid, parent, ...exact }, { onMessage: said })
      if (!change.changed) throw alreadyRuns(change)
    } catch (error) {
      io.err(`Warning: ${error instanceof Error ? error.message : String(error)}\n`)
    }
  }
}

/** A parent is what mdevctl has by that name, never a card for its functions. */
const exact = { exactParent: true }

function options(line: MdevctlLine, said: (text: string) => void): ChangeOptions {
  return { force: line.has('force'), onMessage: said }
}

/** A UUID that was made up is what scripts and libvirt read. */
function printNew(change: Change, asked: string | undefined, io: MdevctlCall['io']): void {
  if (asked === undefined) io.out(`${change.uuid}\n`)
}

/** mdevctl takes away the last attribute if there is none, and says nothing; the file is written anew. */
function hasNoAttribute(kernel: Kernel, uuid: Uuid, parent: string | undefined): boolean {
  const own = readDefinitions(kernel.files, uuid).definitions.filter(
    (it) => parent === undefined || it.parent === parent,
  )
  return own.length === 1 && own[0]?.definition.attributes.length === 0
}

function isDefined(kernel: Kernel, uuid: string | undefined): boolean {
  return uuid !== undefined && definedParents(kernel.files, parseUuid(uuid)).length > 0
}

/** Our own verbs take a parent's name in other forms too. */
function checkSpelling({ files }: Kernel, parent: string): void {
  const kernels = findParent(files, parent)
  if (kernels !== parent) throw refusal('NOT_FOUND', `there is no parent ${parent}; did you mean ${kernels}?`)
}

function theUuid(line: MdevctlLine): Uuid {
  return parseUuid(line.value('uuid') ?? '')
}

function parentNeeded(what: string): VfioError {
  return refusal('INVALID_ARGUMENT', `a parent is needed to ${what} a device like this: --parent`)
}

function alreadyRuns({ uuid, parent }: Change): VfioError {
  return refusal('ALREADY_EXISTS', `${uuid} already runs on ${parent}`)
}

function refusal(code: 'ALREADY_EXISTS' | 'NOT_FOUND' | 'INVALID_ARGUMENT', message: string): VfioError {
  return new VfioError(code, message, { hint: 'mdevctl list; mdevctl list -d' })
}
