import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { sharesOrNull } from '../device/gpu-shares.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'
import { kinds } from '../kinds/kinds.ts'
import { nodeOwners } from '../settings/node-owners.ts'
import type { DeviceEntry } from '../spec/spec-file.ts'
import type { Exported, ExportedPart, OnHost } from './exported.ts'

/** A device of the file, and the parent below which it goes. */
export type DeviceOn = Exported<DeviceEntry> & { readonly parent: string }

/**
 * Devices that are defined, with `adopt` also those that just run. One that stands under two parents goes in where it
 * runs, or under the first.
 */
export function exportDevices(files: HostFiles, { devices, isMeant, adopt }: OnHost): ExportedPart<DeviceOn> {
  const warnings: Warning[] = []
  const notKept: string[] = []
  const entries = new Map<string, DeviceOn>()
  const sorted = [...devices].sort((a, b) => Number(b.active) - Number(a.active))
  for (const device of sorted) {
    const { name, parent, definition } = device
    if (!isMeant(parent)) continue
    if (definition === null) notKept.push(`${name} on ${parent}`)
    const other = entries.get(name)
    if (other !== undefined) {
      warnings.push({ path: name, message: `is left out on ${parent}: it stands on ${other.parent} too` })
    } else if (!kinds.some((kind) => kind.claimsParent(files, parent))) {
      warnings.push({ path: name, message: `is left out: its parent ${parent} is not there` })
    } else if (definition?.start === 'manual' && !device.active) {
      warnings.push({ path: name, message: `is left out: it starts on demand, and a file would start it on ${parent}` })
    } else if (definition !== null || adopt) entries.set(name, { parent, ...exportDevice(files, device) })
  }
  return { entries: [...entries.values()].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1)), notKept, warnings }
}

function nameOf({ entry }: DeviceOn): string {
  return entry.uuid ?? entry.function ?? ''
}

function exportDevice(files: HostFiles, device: VirtualDevice): Exported<DeviceEntry> {
  const { name, uuid, typeName, definition } = device
  const owner = definition === null ? null : nodeOwners.readOrNone(files, name)
  const owned = Object.fromEntries(Object.entries(owner ?? {}).filter(([, value]) => value !== null))
  const attributes = definition?.attributes ?? []
  const comments = [
    ...(typeName === null ? [] : [typeName]),
    ...(definition === null ? ['runs, and is not defined'] : []),
  ]
  return {
    entry: {
      ...typeEntry(device),
      ...(uuid === null ? { function: name } : { uuid }),
      ...(definition?.start === 'manual' ? { autostart: false } : {}),
      ...(attributes.length === 0 ? {} : { attributes: attributes.map(({ name, value }) => ({ [name]: value })) }),
      ...(Object.keys(owned).length === 0 ? {} : { owner: owned }),
    },
    comment: comments.length === 0 ? null : comments.join('; '),
  }
}

/** A type, or the shares that stand for one: their word has them by the names that a file has. */
function typeEntry({ kind, type: running, definition }: VirtualDevice): DeviceEntry {
  const type = definition?.type ?? running
  const hasShares = kinds.some((it) => it.kind === kind && it.hasShares)
  if (!hasShares || sharesOrNull(type) === null) return { type }
  const parts = type.split(',').flatMap((part) => (part.includes('=') ? [part.split('=', 2)] : []))
  return parts.length === 0 ? { priority: 'low' } : Object.fromEntries(parts)
}
