import { VfioError } from '../../base/errors.ts'
import { counted, pciAddressOrNull } from '../../base/units.ts'
import { type PhysicalFunction, pciPath } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { areModesOfCard } from '../gpu-modes/keep-modes.ts'
import { gpuModeSettings } from '../settings/gpu-modes-schema.ts'
import { checkedCount } from '../sriov/asked-count.ts'
import { isKeptForCard } from '../sriov/kept-number.ts'
import { sriovSettings } from '../sriov/sriov-settings.ts'
import { exportDevices } from './export-devices.ts'
import type { ExportedParent, ExportedPart, OnHost } from './exported.ts'

/** A card's entry without its devices. */
interface Card {
  readonly settings: Omit<ExportedParent['entry'], 'parent'>
  readonly comment: string | null
}

/** Cards with their functions and modes, and parents with their devices, by name. */
export function exportParents(files: HostFiles, host: OnHost): ExportedPart<ExportedParent> {
  const cards = new Map<string, Card>()
  const counts = [keptNumbers(files, host, cards), madeNumbers(files, host, cards)]
  const modes = keptModes(files, host, cards)
  const devices = exportDevices(files, host)
  const parents = devices.entries.map(({ parent }) => parent)
  return {
    entries: [...new Set([...cards.keys(), ...parents])].sort().map((parent) => ({
      entry: { parent, ...cards.get(parent)?.settings },
      devices: devices.entries.filter((it) => it.parent === parent),
      comment: cards.get(parent)?.comment ?? null,
    })),
    notKept: [...counts.flatMap(({ notKept }) => notKept), ...devices.notKept],
    warnings: [...counts.flatMap(({ warnings }) => warnings), ...modes, ...devices.warnings],
  }
}

type Found = Omit<ExportedPart<never>, 'entries'>

function keptNumbers(files: HostFiles, { cards, isMeant }: OnHost, into: Map<string, Card>): Found {
  const { settings, warnings } = sriovSettings.list(files)
  for (const { name, path, value } of settings.filter((it) => isMeant(it.name))) {
    const card = cards.find(({ address }) => address === name)
    if (card === undefined || !isKeptForCard(files, card.address, value)) {
      warnings.push({ path, message: 'is left out: its card is not there' })
      continue
    }
    const { count, autoprobe } = value
    into.set(name, { settings: { sriov: autoprobe === undefined ? count : { count, autoprobe } }, comment: null })
  }
  return { notKept: [], warnings }
}

/** Numbers that cards have, and nobody keeps. gim makes its own as it is loaded: a file has no word for them. */
function madeNumbers(files: HostFiles, { cards, isMeant, adopt }: OnHost, into: Map<string, Card>): Found {
  const made = cards.filter(({ address, count }) => count > 0 && isMeant(address) && !into.has(address))
  const notKept: string[] = []
  const warnings: Warning[] = []
  for (const card of made) {
    const { address, count, driver, partitions } = card
    if (!adopt) {
      if (partitions === undefined) notKept.push(`${counted(count, 'virtual function')} of ${address}`)
      continue
    }
    const fault = partitions === undefined ? countFault(files, card) : `${driver} makes them: vfioctl sriov --modprobe`
    if (fault !== null)
      warnings.push({
        path: pciPath(address),
        message: `is left out with its ${counted(count, 'virtual function')}: ${fault}`,
      })
    else into.set(address, { settings: { sriov: count }, comment: 'has them, and they are not kept' })
  }
  return { notKept, warnings }
}

function countFault(files: HostFiles, card: PhysicalFunction): string | null {
  try {
    checkedCount(files, card, card.count)
    return null
  } catch (error) {
    if (error instanceof VfioError) return error.message
    throw error
  }
}

function keptModes(files: HostFiles, { isMeant }: OnHost, cards: Map<string, Card>): readonly Warning[] {
  const { settings, warnings } = gpuModeSettings.list(files)
  for (const { name, path, value } of settings.filter((it) => isMeant(it.name))) {
    const address = pciAddressOrNull(name)
    const card = cards.get(name)
    if (address === null || card === undefined || !areModesOfCard(files, address, value)) {
      warnings.push({ path, message: 'is left out: its card with its virtual functions is not there' })
      continue
    }
    const { heterogeneous, mig } = value
    const modes = { ...(heterogeneous === undefined ? {} : { heterogeneous }), ...(mig === undefined ? {} : { mig }) }
    cards.set(name, { ...card, settings: { ...card.settings, ...modes } })
  }
  return warnings
}
