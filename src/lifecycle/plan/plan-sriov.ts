import type { PciAddress } from '../../base/units.ts'
import { counted } from '../../base/units.ts'
import { findPhysicalFunction, type PhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { plannedUses } from '../in-use/pci-use.ts'
import { choosePci } from '../spec/choose-pci.ts'
import { checkedCount } from '../sriov/asked-count.ts'
import { functionUses } from '../sriov/check-unused.ts'
import { stepsToFunctions, type WritesBefore } from '../sriov/functions-plan.ts'
import { keepSteps } from '../sriov/kept-number.ts'
import { invalidSpec, type Place } from '../wanted/invalid-spec.ts'
import type { PlannedSriov } from '../wanted/plan.ts'
import type { PciChoice, Spec, SpecParent, SpecSriov } from '../wanted/spec.ts'

/**
 * The changes that would give devices as many virtual functions as a spec says. `dropped`: cards that lose theirs
 * before, with their MIG mode.
 */
export function planSriov(
  files: HostFiles,
  { path, parents }: Spec,
  dropped: ReadonlySet<PciAddress> = new Set(),
  before?: WritesBefore,
): PlannedSriov[] {
  const planned = new Map<PciAddress, PlannedSriov>()
  for (const { at, choice, sriov } of parents) {
    if (sriov === null) continue
    for (const device of choosePci(files, pciChoice(choice, path, at))) {
      const item = plannedSriov(files, device, sriov, { at, before, isDropped: dropped.has(device) })
      const other = planned.get(device)?.count ?? item.count
      const probing = planned.get(device)?.autoprobe ?? item.autoprobe
      if (probing !== item.autoprobe) throw invalidSpec(path, device, 'is to have autoprobe true and false', at)
      if (other !== item.count) {
        throw invalidSpec(
          path,
          device,
          `is to have ${other} and ${counted(item.count, 'virtual function')}: say it once`,
          at,
        )
      }
      planned.set(device, item)
    }
  }
  return [...planned.values()]
}

/** The PCI devices that an entry with settings of a card stands for. */
export function pciChoice(choice: SpecParent['choice'], path: string, at: Place | null): PciChoice {
  if (!('anyWith' in choice)) return choice
  throw invalidSpec(path, 'sriov', 'needs the card by its address, a range or {vendor, device}', at)
}

interface PlanContext {
  readonly at: Place | null
  readonly before: WritesBefore | undefined
  /** The card loses its functions before. */
  readonly isDropped: boolean
}

function plannedSriov(
  files: HostFiles,
  device: PciAddress,
  { count: asked, autoprobe }: SpecSriov,
  { at, before, isDropped }: PlanContext,
): PlannedSriov {
  const card = findPhysicalFunction(files, device)
  const count = checkedCount(files, card, asked)
  const asks = { autoprobe: autoprobe ?? undefined, isDropped, ...(before && { before }) }
  const { making: changes, probing, steps: now } = stepsToFunctions(files, card, count, asks)
  const steps = [...now, ...keepSteps(files, device, count, autoprobe ?? undefined)]
  return {
    kind: 'sriov',
    at,
    action: steps.length === 0 ? 'keep' : 'change',
    device,
    count,
    before: card.count,
    autoprobe,
    reason:
      probing.length > 0 && changes.length === 0
        ? `has autoprobe ${card.autoprobe === true ? 'on' : 'off'}`
        : reasonOf(files, card, { isMade: changes.length > 0, isKept: steps.length === 0, isDropped }),
    steps,
    makesAnew: changes.length > 0,
    ...plannedUses(changes.length === 0 || card.count === 0 ? [] : functionUses(files, card)),
  }
}

function reasonOf(
  files: HostFiles,
  { address, count }: PhysicalFunction,
  { isMade, isKept, isDropped }: { readonly isMade: boolean; readonly isKept: boolean; readonly isDropped: boolean },
): string {
  if (isKept) return 'is as it should be'
  if (!isMade) return 'is not kept for the next boot'
  if (isHalfConfigured(files, address)) return 'was left half set up'
  return isDropped ? 'its MIG mode changes, for which they go' : `has ${counted(count, 'virtual function')}`
}
