import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { pciAddresses } from '../../host/pci-bus.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { checkDriver, driverChanges, noDriver } from '../bindings/bind.ts'
import type { DriverChange } from '../bindings/driver-changes.ts'
import { PciUses } from '../in-use/pci-uses.ts'
import { areIdsOf, choosePci, fitsPci, noneFits } from '../spec/choose-pci.ts'
import { futureBindingSteps, futureIds } from '../sriov/future-binding.ts'
import type { FutureFunctions } from '../wanted/future-functions.ts'
import { invalidSpec, type Place } from '../wanted/invalid-spec.ts'
import type { PlannedBinding } from '../wanted/plan.ts'
import type { PciChoice, Spec } from '../wanted/spec.ts'

/** What would have to be done for PCI devices, and for virtual functions that are to come, to have the drivers that a spec says. */
export function planBindings(files: HostFiles, { path, bindings }: Spec, future: FutureFunctions): PlannedBinding[] {
  const planned = new Map<PciAddress, PlannedBinding>()
  const host = new PciUses(files)
  for (const { at, choice, driver, group } of bindings) {
    for (const item of choose(files, choice, future).flatMap((device) => {
      return itemsFor(files, path, { at, device, driver, group }, future, host)
    })) {
      const other = planned.get(item.device)?.driver ?? driver
      if (other !== driver) {
        const what = `is to have two drivers, ${other} and ${driver}: name it once (group: true names the rest of its IOMMU group)`
        throw invalidSpec(path, item.device, what, at)
      }
      planned.set(item.device, item)
    }
  }
  return [...planned.values()]
}

/** Those that are named; otherwise those that fit and will be there once the virtual functions are made. */
function choose(files: HostFiles, choice: PciChoice, future: FutureFunctions): PciAddress[] {
  if ('names' in choice) return choosePci(files, choice)
  const coming = future.addresses.filter((address) => {
    const card = future.cardOf(address)
    if ('from' in choice || card === null) return fitsPci(files, address, choice)
    return areIdsOf(futureIds(files, card), choice)
  })
  const there = pciAddresses(files).filter((it) => fitsPci(files, it, choice))
  const staying = there.filter((address) => future.cardThatDrops(address) === null)
  const chosen = [...new Set([...staying, ...coming])].sort()
  if (chosen.length > 0) return chosen
  throw noneFits(choice, there.length === 0 ? '' : ' but what goes with a number of virtual functions in this file')
}

function itemsFor(
  files: HostFiles,
  path: string,
  request: { readonly at: Place | null; readonly device: PciAddress; readonly driver: string; readonly group: boolean },
  future: FutureFunctions,
  host: PciUses,
): PlannedBinding[] {
  const { at, device, driver } = request
  const drops = future.cardThatDrops(device)
  if (drops !== null) {
    throw invalidSpec(
      path,
      device,
      `is to have ${driver}, and goes with the number of virtual functions of ${drops}`,
      at,
    )
  }
  const card = future.cardOf(device)
  if (card !== null) {
    checkDriver(files, 'pci', driver)
    return [
      {
        kind: 'binding',
        at,
        action: 'bind',
        device,
        driver,
        reason: `comes with the virtual functions of ${card}`,
        steps: futureBindingSteps(files, device, card, driver),
        uses: [],
        takenFrom: null,
        afterSriov: true,
        groupFollows: false,
      },
    ]
  }
  return driverChanges(files, request).flatMap((change) => {
    const address = pciAddressOrNull(change.before.device.name)
    if (address === null) return []
    const isMadeAnew = future.cardOf(address) !== null || future.cardThatDrops(address) !== null
    return isMadeAnew ? [] : [plannedBinding(host, address, change, request)]
  })
}

function plannedBinding(
  host: PciUses,
  device: PciAddress,
  { before, writes, keeping }: DriverChange,
  { at, driver, group }: { readonly at: Place | null; readonly driver: string; readonly group: boolean },
): PlannedBinding {
  const steps = [...writes, ...(keeping === null ? [] : [keeping])]
  const groupFollows = group && before.group === null && before.driver === null && writes.length > 0
  const lacks = driver === noDriver ? 'has no driver, and any may take it' : 'has no driver'
  const follows = groupFollows ? ', and so no IOMMU group yet: what shares it follows' : ''
  const has = before.driver === null ? `${lacks}${follows}` : `is with ${before.driver}`
  return {
    kind: 'binding',
    at,
    action: steps.length === 0 ? 'keep' : 'bind',
    device,
    driver,
    reason: steps.length === 0 ? 'is as it should be' : writes.length === 0 ? 'is not kept for the next boot' : has,
    steps,
    takenFrom: writes.length === 0 ? null : before.driver,
    afterSriov: false,
    groupFollows,
    uses: writes.length === 0 || before.driver === null ? [] : host.of(device).map(({ what }) => what),
  }
}
