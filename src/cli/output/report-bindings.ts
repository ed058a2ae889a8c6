import { devicePath, shownDevice } from '../../host/bus/bus-device.ts'
import { foreignMembers, groupMembers, iommuGroup } from '../../host/group-members.ts'
import { unsafeInterrupts } from '../../host/interrupt-isolation.ts'
import { listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { BindingChange } from '../../lifecycle/bindings/binding-change.ts'
import { givesToVfio } from '../../lifecycle/bindings/wanted-driver.ts'
import type { Context } from '../command/context.ts'
import type { Io } from '../io/io.ts'
import { json, reportWarnings } from './output.ts'
import { reportDryRun } from './report-change.ts'

/** Says what a change of drivers did, or would do. */
export async function reportBindings(
  changes: readonly BindingChange[],
  context: Context,
  io: Io,
  already: (change: BindingChange) => string,
): Promise<void> {
  if (context.options.json) return io.out(json(changes))
  const { files } = await context.kernel()
  const unsafe = areGrouped(files, changes) ? unsafeInterrupts(files) : null
  if (unsafe !== null) reportWarnings([unsafe], io)
  const [first] = changes
  if (first?.dryRun === true) return reportDryRun(changes, io, already)
  for (const change of changes) io.err(`${change.changed ? done(files, change) : already(change)}\n`)
  reportViability(files, changes, io)
}

/** The device of a change as it is shown. */
export function changed({ bus, device: name }: Pick<BindingChange, 'bus' | 'device'>): string {
  return shownDevice({ bus, name })
}

function pathOf({ bus, device: name }: BindingChange): string {
  return devicePath({ bus, name })
}

function done(files: HostFiles, change: BindingChange): string {
  const { from, to } = change
  const device = changed(change)
  if (files.kind(pathOf(change)) === null) return `${device} is not there; what was kept for it is forgotten`
  const isSet = change.steps.some(({ action }) => action === 'write')
  if (from === to && isSet) return `${device} stays with ${to ?? 'no driver'}; its settings are changed`
  if (from === to) return `${device} stays with ${to ?? 'no driver'}; what is kept for the next boot is changed`
  return `${device} is with ${to ?? 'no driver'} now (${from === null ? 'none had it' : `${from} had it`})`
}

/** The IOMMU groups, as far as they have one, of the devices that a driver of VFIO gets. */
function groupsOfVfio(files: HostFiles, changes: readonly BindingChange[]): Set<number> {
  const ofVfio = changes.filter((change) => isForVfio(files, change))
  return new Set(ofVfio.flatMap((change) => iommuGroup(files, pathOf(change)) ?? []))
}

function isForVfio(files: HostFiles, { bus, device: name, to }: BindingChange): boolean {
  return to !== null && givesToVfio(files, { bus, name }, to)
}

/**
 * True if VFIO will ask the IOMMU for them: some devices get a group with their first driver, and a dry run binds none.
 */
function areGrouped(files: HostFiles, changes: readonly BindingChange[]): boolean {
  if (groupsOfVfio(files, changes).size > 0) return true
  const isToBe = changes.some((change) => change.dryRun && isForVfio(files, change))
  return isToBe && (listOrNone(files, '/sys/class/iommu').length > 0 || hasTranslatedGroup(files))
}

function hasTranslatedGroup(files: HostFiles): boolean {
  const groups = '/sys/kernel/iommu_groups'
  return listOrNone(files, groups).some((name) => {
    const type = readOrEmpty(files, `${groups}/${name}/type`).trim()
    return type !== '' && type !== 'unknown'
  })
}

/** Names the devices of a group whose drivers keep VFIO from using a device that it was just given. */
function reportViability(files: HostFiles, changes: readonly BindingChange[], io: Io): void {
  for (const group of groupsOfVfio(files, changes)) {
    const foreign = foreignMembers(groupMembers(files, group))
    if (foreign.length === 0) continue
    const list = foreign.map(({ name, driver }) => `${name} is with ${driver}`).join(', ')
    io.err(`group ${group} is not viable yet: ${list}; with --group, bind takes the whole group\n`)
  }
}
