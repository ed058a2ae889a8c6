import { VfioError } from '../../base/errors.ts'
import { counted } from '../../base/units.ts'
import type { Applied } from '../../lifecycle/plan/apply.ts'
import { checkRoom } from '../../lifecycle/plan/room.ts'
import { isDone, itemName } from '../../lifecycle/wanted/plan.ts'
import { changeOptions } from '../arguments/change-options.ts'
import { dryRun } from '../arguments/global-options.ts'
import { config, readSpec, specExample, specFile } from '../arguments/spec-file.ts'
import { overrule } from '../arguments/virtual-device.ts'
import { type Command, command, usageError } from '../command/command.ts'
import type { Io } from '../io/io.ts'
import { confirmLosses } from '../output/confirm-losses.ts'
import { json, reportWarnings } from '../output/output.ts'
import { planSteps, planSummary, sayIfScriptsAreNotAsked, shownItem } from '../output/plan-text.ts'
import { forSameHost, type GivenHost } from '../output/same-host.ts'

const whatGoes = `\
apply removes devices of a type beyond its count; virtual functions beyond sriov; and, with others: remove or a file of
vgpu-device-manager, all devices on that parent that the file does not name. It restarts devices that run as another type,
and takes the devices under bindings from their drivers. In a terminal, it lists all of that and asks first; elsewhere, as
in a script, it needs --yes.`

const apply: Command = command({
  arguments: {
    file: specFile,
    config,
    check: { kind: 'flag', describe: 'Change nothing: exit 0 if nothing would change, 10 if something would' },
    'keep-going': { kind: 'flag', alias: 'k', describe: 'Go on with the other devices if one fails or is in use' },
    yes: {
      kind: 'flag',
      alias: 'y',
      describe: 'Remove and restart devices, and take them from their drivers, without asking',
    },
    force: overrule,
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl apply vgpus.yaml', 'make the changes; a second time, there is nothing to do'],
    ['vfioctl apply vgpus.yaml --check', 'for scripts: would anything change?'],
    ['vfioctl apply dm.yaml --config A100-20C', 'a file of NVIDIA’s vgpu-device-manager'],
  ],
  epilogue: `${whatGoes}\n\n${specExample}`,
  async run(values, context, io) {
    if (values.check && values['dry-run']) throw usageError('--check and --dry-run exclude each other')
    const host = await context.host()
    const plan = await host.plan(...readSpec(values.file, values.config, io))
    const isJson = context.options.json
    if (!isJson) reportWarnings(plan.warnings, io)
    if (values['dry-run'] || values.check || isDone(plan)) {
      if (isJson) io.out(json({ ...plan, applied: null }))
      else if (values['dry-run']) io.out(planSteps(plan))
      if (values['dry-run']) sayIfScriptsAreNotAsked(host.kernel, plan, io)
      if (!values['keep-going']) checkRoom(plan)
      if (values.check && !isDone(plan))
        throw new VfioError('WOULD_CHANGE', planSummary(plan), { hint: 'vfioctl plan FILE' })
      if (!isJson) io.err(`${planSummary(plan)}\n`)
      return
    }
    const options = { ...changeOptions(values, io), keepGoing: values['keep-going'] }
    // nobody is asked for what cannot be done
    await host.apply(plan, { ...options, dryRun: true })
    if (!values.yes) await confirmLosses(plan, io, isJson)
    const applied = await host.apply(plan, {
      ...options,
      signal: io.interruption(),
      onProgress: (item, done, total) => {
        if (!isJson) io.err(`[${done + 1}/${total}] ${shownItem(item)}\n`)
      },
    })
    if (isJson) io.out(json({ ...plan, applied: told(applied, context.givenHost) }))
    reportEnd(applied, io, isJson)
    checkRoom(plan)
  },
})
export default apply

/** Errors as JSON says them elsewhere. */
function told({ done, failed, takenBack, remaining }: Applied, host: GivenHost) {
  return {
    done: done.map(itemName),
    takenBack: takenBack.map(itemName),
    failed: failed.map(({ entry, error }) => ({ name: itemName(entry), message: forSameHost(messageOf(error), host) })),
    remaining: remaining.map(itemName),
  }
}

/** Throws the first failure's kind if there was one, so that the exit status is its own. */
function reportEnd({ done, failed, takenBack, remaining }: Applied, io: Io, isJson: boolean): void {
  const [first, ...others] = failed
  if (first === undefined) {
    if (!isJson) io.err(`done: ${counted(done.length, 'device')} changed\n`)
    return
  }
  for (const { entry, error } of others) if (!isJson) io.err(`${itemName(entry)}: ${messageOf(error)}\n`)
  const known = first.error instanceof VfioError ? first.error : null
  const back = takenBack.length === 0 ? '' : `${takenBack.length} taken back, `
  const counts = `${counted(done.length, 'device')} changed, ${failed.length} failed, ${back}${remaining.length} not begun`
  throw new VfioError(known?.code ?? 'SYSTEM_CALL_FAILED', `${messageOf(first.error)}; ${counts}`, {
    cause: first.error,
    ...(known?.hint == null ? {} : { hint: known.hint }),
    facts: { failed: failed.map(({ entry }) => itemName(entry)), remaining: remaining.map(itemName) },
  })
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
