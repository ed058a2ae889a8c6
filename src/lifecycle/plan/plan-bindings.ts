import { VfioError } from '../../errors.ts'
import { readPciUses } from '../../host/pci-uses.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { PciAddress } from '../../units.ts'
import { bindingTurns, noDriver } from '../bindings/bind.ts'
import type { Turn } from '../bindings/carry-out.ts'
import { choosePci } from '../spec/choose-pci.ts'
import type { SpecBinding } from '../spec/spec.ts'
import type { PlannedBinding } from './plan.ts'

/** What would have to be done for PCI devices to have the drivers that a spec says. */
export function planBindings(files: HostFiles, bindings: readonly SpecBinding[]): PlannedBinding[] {
  const planned = new Map<PciAddress, PlannedBinding>()
  for (const { choice, driver, group } of bindings) {
    const turns = choosePci(files, choice).flatMap((device) => bindingTurns(files, { device, driver, group }))
    for (const turn of turns) {
      const { address } = turn.before
      const other = planned.get(address)?.driver ?? driver
      if (other !== driver) {
        throw new VfioError('INVALID_SPEC', `${address} is to have two drivers: ${other} and ${driver}`, {
          hint: 'name it once in bindings; with group: true the rest of its IOMMU group is named too',
          facts: { device: address, drivers: [other, driver] },
        })
      }
      planned.set(address, plannedBinding(files, turn, driver))
    }
  }
  return [...planned.values()]
}

function plannedBinding(files: HostFiles, { before, writes, keeping }: Turn, driver: string): PlannedBinding {
  const steps = [...writes, ...(keeping === null ? [] : [keeping])]
  const lacks = driver === noDriver ? 'has no driver, and any may take it' : 'has no driver'
  const has = before.driver === null ? lacks : `is with ${before.driver}`
  return {
    kind: 'binding',
    action: steps.length === 0 ? 'keep' : 'bind',
    device: before.address,
    driver,
    reason: steps.length === 0 ? 'is as it should be' : writes.length === 0 ? 'is not kept for the next boot' : has,
    steps,
    uses: writes.length === 0 || before.driver === null ? [] : readPciUses(files, before.address),
  }
}
