import { VfioError } from '../../../base/errors.ts'
import { printable } from '../../../base/units.ts'
import { kindOrNone, listOrNone } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { type BootLine, linesOf } from '../../bindings/boot-lines.ts'
import type { UserMemlock } from './user-memlock.ts'

/** Folders of units, of which an earlier one's file hides those of its name in the later ones. */
const folders = ['/etc', '/run', '/usr/local/lib', '/usr/lib', '/lib'].map((it) => `${it}/systemd/system`)
const managerFile = '/etc/systemd/system.conf'
/** The limit of a service if no file says another, in bytes: systemd has it from version 240 on. */
const usualLimit = 8 * 1024 * 1024

/** The full name of a systemd service. INVALID_ARGUMENT for one that is none. */
export function serviceName(asked: string): string {
  const name = asked.includes('.') ? asked : `${asked}.service`
  if (/^[\w:@\\-][\w:.@\\-]{0,200}\.service$/.test(name)) return name
  throw new VfioError('INVALID_ARGUMENT', `'${printable(asked)}' is no name of a systemd service`, {
    hint: 'systemctl list-units --type service',
  })
}

/**
 * The memory that a systemd service may lock, by LimitMEMLOCK of its unit and what extends it. One that runs as root
 * with root's capabilities has no limit. NOT_FOUND if there is no such unit.
 */
export function unitMemlock(files: HostFiles, asked: string): UserMemlock {
  const name = serviceName(asked)
  const unit = folders.map((folder) => `${folder}/${name}`).find((path) => kindOrNone(files, path) !== null)
  if (unit === undefined) {
    throw new VfioError('NOT_FOUND', `there is no systemd service ${name}`, {
      hint: 'systemctl list-unit-files --type service',
      facts: { unit: name },
    })
  }
  const lines = [...linesOf(files, unit), ...dropIns(files, ['service.d', `${name}.d`])]
  const [user] = last(lines, 'User') ?? ['']
  const isBounded = last(lines, 'CapabilityBoundingSet') !== null
  if ((user === '' || user === 'root' || user === '0') && !isBounded) {
    return { limit: null, place: unit, text: 'no User=: it runs as root, with CAP_IPC_LOCK' }
  }
  const [value, line] = last(lines, 'LimitMEMLOCK') ?? last(linesOf(files, managerFile), 'DefaultLimitMEMLOCK') ?? ['']
  const limit = value === '' ? usualLimit : hardLimit(value)
  if (line === undefined || value === '') return { limit, place: unit, text: 'no LimitMEMLOCK=: systemd’s own' }
  return { limit, place: line.place, text: line.text }
}

/** The lines of the files that extend a unit, in the order of their names. */
function dropIns(files: HostFiles, names: readonly string[]): BootLine[] {
  const found = new Map<string, string>()
  for (const folder of folders.toReversed()) {
    for (const name of names) {
      const path = `${folder}/${name}`
      for (const file of listOrNone(files, path)) if (file.endsWith('.conf')) found.set(file, `${path}/${file}`)
    }
  }
  return [...found].sort(([one], [other]) => (one < other ? -1 : 1)).flatMap(([, path]) => linesOf(files, path))
}

/** The last value of a key, and its line; an empty value takes back those before it. */
function last(lines: readonly BootLine[], key: string): readonly [value: string, line: BootLine] | null {
  const found = lines.flatMap((line) => {
    const [, its, value = ''] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line.text) ?? []
    return its === key ? [[value, line] as const] : []
  })
  return found.at(-1) ?? null
}

/**
 * Of 'SOFT:HARD' or one for both, with K, M, G, T, P or E for powers of 1024; null for no limit, or what is no number.
 */
function hardLimit(value: string): number | null {
  const [, digits, unit = ''] = /^(\d{1,15})([KMGTPE]?)$/.exec(value.split(':').at(-1) ?? '') ?? []
  return digits === undefined ? null : Number(digits) * 1024 ** ' KMGTPE'.indexOf(unit === '' ? ' ' : unit)
}
