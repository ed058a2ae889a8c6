import { VfioError } from '../../base/errors.ts'
import { escaped, printable } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import { defaultTimeoutMs, type RestoreResult } from '../../lifecycle/restore/restore.ts'
import { given } from '../arguments/change-options.ts'
import { namedParent } from '../arguments/device-argument.ts'
import { dryRun } from '../arguments/global-options.ts'
import { parseSeconds } from '../arguments/numbers.ts'
import { parent } from '../arguments/virtual-device.ts'
import { type Command, command } from '../command/command.ts'
import { toldError } from '../output/failure.ts'
import { json, reportWarnings } from '../output/output.ts'
import { shownStep } from '../output/report-change.ts'
import type { GivenHost } from '../output/same-host.ts'

const restore: Command = command({
  arguments: {
    timeout: {
      kind: 'option',
      value: 'SECONDS',
      completes: 'nothing',
      parse: parseSeconds,
      describe: `the longest wait for parents to appear (default: ${defaultTimeoutMs / 1000})`,
    },
    parent: { ...parent, describe: 'only what is kept for this device: a PCI address or name' },
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl restore', 'everything kept for each boot, as parents appear'],
    ['vfioctl restore -p 3b:00.0 --timeout 10', 'only one card, and for ten seconds at most'],
  ],
  async run(values, context, io) {
    const isJson = context.options.json
    const isDry = values['dry-run']
    const host = await context.host()
    const { results, warnings } = await host.restore({
      ...given({ parent: await namedParent(values.parent, context), timeoutMs: values.timeout }),
      dryRun: isDry,
      signal: io.interruption(),
      onMessage: (line) => io.err(`${line}\n`),
      onResult: (result) => {
        if (isJson || isDry) return
        io.err(`${shownResult(result)}\n`)
        if (result.error !== null && result.error.hint !== null) io.err(`  hint: ${result.error.hint}\n`)
      },
      onWaiting: (missing) => {
        if (!isJson) io.err(`waiting for ${missing}, at most ${(values.timeout ?? defaultTimeoutMs) / 1000} s\n`)
      },
    })
    if (isJson)
      io.out(json({ results: results.map((result) => told(result, context.givenHost)), warnings, dryRun: isDry }))
    else {
      reportWarnings(warnings, io)
      if (isDry) io.out(results.map(dryResult).join(''))
      else if (results.length === 0)
        io.err(
          `nothing to do: nothing is kept for the boots ${values.parent === undefined ? 'of this host' : `of ${printable(values.parent)}`}\n`,
        )
    }
    failWhere(results, warnings, isDry)
  },
})
export default restore

function told({ error, ...result }: RestoreResult, host: GivenHost) {
  return { ...result, error: error === null ? null : toldError(error, host) }
}

function shownResult({ kind, outcome, name, parent: on, type, error }: RestoreResult): string {
  const what = kind === 'binding' ? `${on} with driver ${name}` : `${name} on ${on}${type === null ? '' : ` (${type})`}`
  if (error === null) return `${outcome.replace('-', ' ')}: ${what}`
  return `${outcome.replace('-', ' ')}: ${what}: ${error.message}`
}

function dryResult({ outcome, name, parent: on, steps, error }: RestoreResult): string {
  const what = outcome === 'no-parent' ? `once ${on} is there` : outcome === 'failed' ? (error?.message ?? '') : on
  if (outcome === 'already-there') return ''
  return [escaped(`# ${name}: ${what}`), ...steps.map(shownStep)].map((line) => `${line}\n`).join('')
}

/**
 * Each was told of as it failed. A parent that is not there yet is no failure of a dry run, which waits for none. What
 * cannot be read may have been defined to start.
 */
function failWhere(results: readonly RestoreResult[], warnings: readonly Warning[], isDry: boolean): void {
  const failed = results.filter(({ error, outcome }) => error !== null && !(isDry && outcome === 'no-parent'))
  if (failed.length === 0 && warnings.length === 0) return
  if (failed.length === 0) {
    const paths = warnings.map(({ path }) => path)
    throw new VfioError('RESTORE_INCOMPLETE', `${paths.length} of what is kept cannot be read`, {
      hint: 'repair it, or take it away: vfioctl undefine UUID, rm FILE',
      facts: { unreadable: paths },
    })
  }
  const interrupted = failed.some(({ error }) => error?.code === 'INTERRUPTED')
  throw new VfioError(
    interrupted ? 'INTERRUPTED' : 'RESTORE_INCOMPLETE',
    `${failed.length} of ${results.length} did not come up`,
    {
      hint: 'vfioctl restore again, once that is repaired: what is up is left alone',
      facts: { failed: failed.map(({ name, parent: on, outcome }) => ({ name, parent: on, outcome })) },
    },
  )
}
