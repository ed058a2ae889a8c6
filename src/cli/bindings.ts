import { deviceName, deviceNameForms } from '../host/vfio-device.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import type { BindingChange, BindingOptions } from '../lifecycle/bindings/binding-change.ts'
import { type PciAddress, pciAddressOrNull } from '../units.ts'
import { foreignMembers, groupMembers, iommuGroup } from '../vfio/group/group-members.ts'
import { type Flag, type RequiredPositional, text, usageError } from './command.ts'
import type { Context } from './context.ts'
import type { Io } from './io/io.ts'
import { json } from './output/output.ts'
import { reportDryRun } from './output/report-change.ts'

/** What `bind` and `release` share. */

export const pciDevice: RequiredPositional<string> = {
  kind: 'required',
  completes: 'host device',
  parse: text,
  describe: `a PCI device: ${deviceNameForms}`,
}

export const wholeGroup: Flag = {
  kind: 'flag',
  alias: 'g',
  describe: 'With every other endpoint of its IOMMU group',
}

export const forceTaking: Flag = {
  kind: 'flag',
  alias: 'f',
  describe: 'Although the host uses it: an interface that is up, a mounted disk, virtual functions',
}

export function findPciDevice(files: HostFiles, given: string): PciAddress {
  const address = pciAddressOrNull(deviceName(files, given))
  if (address !== null) return address
  throw usageError(`${given} is a mediated device: its driver is its parent’s`, 'vfioctl groups shows PCI devices')
}

export function bindingOptions(
  values: { readonly 'dry-run': boolean; readonly force: boolean },
  io: Io,
): BindingOptions {
  return {
    dryRun: values['dry-run'],
    force: values.force,
    signal: io.interruption(),
    said: (line) => io.err(`${line}\n`),
  }
}

export async function reportBindings(
  changes: readonly BindingChange[],
  context: Context,
  io: Io,
  already: (change: BindingChange) => string,
): Promise<void> {
  if (context.options.json) return io.out(json(changes))
  const [first] = changes
  if (first?.dryRun === true) return reportDryRun(changes, io, already)
  for (const change of changes) io.err(`${change.changed ? done(change) : already(change)}\n`)
  reportViability((await context.kernel()).files, changes, io)
}

function done({ device, from, to }: BindingChange): string {
  if (from === to) return `${device} stays with ${to ?? 'no driver'}; what is kept for the next boot is changed`
  return `${device} is with ${to ?? 'no driver'} now (${from === null ? 'none had it' : `${from} had it`})`
}

/** What keeps VFIO from using a device that it was just given. */
function reportViability(files: HostFiles, changes: readonly BindingChange[], io: Io): void {
  const ofVfio = changes.filter(({ to }) => to?.includes('vfio') === true)
  const groups = new Set(ofVfio.flatMap(({ device }) => iommuGroup(files, `/sys/bus/pci/devices/${device}`) ?? []))
  for (const group of groups) {
    const foreign = foreignMembers(groupMembers(files, group))
    if (foreign.length === 0) continue
    const list = foreign.map(({ name, driver }) => `${name} is with ${driver}`).join(', ')
    io.err(`group ${group} is not viable yet: ${list}; --group takes them too\n`)
  }
}
