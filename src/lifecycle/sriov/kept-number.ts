import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import { readPciIds } from '../../host/pci-ids.ts'
import { functionNumber, readPhysicalFunction, type SriovNumbers } from '../../host/sriov.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { type KeptNumber, sriovSettings } from './sriov-settings.ts'

/**
 * Addresses move when cards do. What an older vfioctl kept does not say which card it is for, and is for whichever is
 * there.
 */
export function isKeptForCard(files: HostFiles, address: PciAddress, { vendor, device }: KeptNumber): boolean {
  const now = readPciIds(files, address, [])
  return (vendor === undefined || vendor === now.vendor) && (device === undefined || device === now.device)
}

/** The steps that keep that many functions for a card's next boots; none if they are kept. */
export function keepSteps(files: HostFiles, address: PciAddress, count: number, autoprobe?: boolean): Step[] {
  const path = sriovSettings.path(address)
  if (count === 0) return files.kind(path) === null ? [] : [{ action: 'delete', path }]
  const stored = sriovSettings.readOrNone(files, address)
  const kept = numberToKeep(files, address, { count, made: count, autoprobe })
  const isKept = stored?.count === count && isKeptForCard(files, address, stored)
  if (isKept && stored.autoprobe === kept.autoprobe) return []
  return [{ action: 'save', path, content: sriovSettings.format(kept) }]
}

/** A virtual function by its number on a card, from 1 on, and the number of them that the card keeps. */
export interface KeptFunction {
  readonly card: PciAddress
  readonly number: number
  /** 0 if it keeps none. */
  readonly kept: number
}

/** The virtual function of such an address, there or not; null for what is none that one of these cards can have. */
export function keptFunction(
  files: HostFiles,
  cards: readonly SriovNumbers[],
  address: PciAddress,
): KeptFunction | null {
  for (const card of cards) {
    const number = functionNumber(files, card, address)
    if (number === null) continue
    const stored = sriovSettings.readOrNone(files, card.address)
    const kept = stored !== null && isKeptForCard(files, card.address, stored) ? stored.count : 0
    return { card: card.address, number, kept }
  }
  return null
}

/** True for a virtual function that comes with the number that its card keeps. */
export function isToCome(files: HostFiles, cards: readonly SriovNumbers[], name: string): boolean {
  const address = pciAddressOrNull(name)
  const found = address === null ? null : keptFunction(files, cards, address)
  return found !== null && found.number <= found.kept
}

/** A number to keep. */
interface NumberToKeep {
  readonly count: number
  /** The number that came of it. */
  readonly made: number
  /** Undefined for as it is kept. */
  readonly autoprobe: boolean | undefined
}

/** Under the lock of settings. */
export function keepNumber(files: HostFiles, address: PciAddress, number: NumberToKeep): void {
  if (number.count === 0) sriovSettings.delete(files, address)
  else sriovSettings.save(files, address, numberToKeep(files, address, number))
}

/** True if the host's drivers may have the functions that come, as it is kept; undefined if nothing is. */
export function keptAutoprobe(files: HostFiles, address: PciAddress): boolean | undefined {
  const stored = sriovSettings.readOrNone(files, address)
  return stored !== null && isKeptForCard(files, address, stored) ? stored.autoprobe : undefined
}

/** True if the host's drivers will be offered the functions that a card gets. */
export function willProbe(files: HostFiles, card: PciAddress, asked: boolean | undefined): boolean {
  return asked ?? keptAutoprobe(files, card) ?? readPhysicalFunction(files, card)?.autoprobe ?? true
}

function numberToKeep(files: HostFiles, address: PciAddress, { count, made, autoprobe }: NumberToKeep): KeptNumber {
  const { vendor, device } = readPciIds(files, address, [])
  const card = vendor === null || device === null ? {} : { vendor, device }
  const probing = autoprobe ?? keptAutoprobe(files, address)
  return {
    count,
    ...(made === count ? {} : { made }),
    ...(probing === undefined ? {} : { autoprobe: probing }),
    ...card,
  }
}
