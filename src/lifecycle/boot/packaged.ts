import { failedWith } from '../../base/system-error.ts'
import { realPlace } from '../../host/changeable-by-others.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { pathOf, readKept } from '../files/durable-files.ts'
import { type HostTools, type Program, packagedFiles } from './boot-files.ts'

const enabled = '/etc/systemd/system/multi-user.target.wants/vfioctl-restore.service'

/** The boot files that a distribution's package has brought: nothing is written in their place. */
export interface Packaged {
  /** By the names of the files that `boot install` writes. */
  readonly names: ReadonlySet<string>
  /** True if systemd starts its unit at boot. */
  readonly enabled: boolean
}

/** Null if no package has brought it. */
export function packagedOrNull(files: HostFiles, tools: HostTools): Packaged | null {
  const all = packagedFiles([], tools)
  if (all.some((file) => files.kind(pathOf(file)) === null)) return null
  return { names: new Set(all.map(({ name }) => name)), enabled: files.kind(enabled) !== null }
}

/** True if those of the package start this very program, by whichever of its names: /bin may lead to /usr/bin. */
export function startsProgram(files: HostFiles, program: Program, tools: HostTools): boolean {
  const [unit] = packagedFiles([], tools)
  const path = program.at(-1)
  if (unit === undefined || path === undefined) return false
  const started = readKept(files, pathOf(unit), (text) => /^ExecStart=(\/\S+) restore$/m.exec(text)?.[1] ?? null)
  return started !== null && (started === path || placeOf(files, started) === placeOf(files, path))
}

function placeOf(files: HostFiles, path: string): string {
  try {
    return realPlace(files, path).path
  } catch (error) {
    // an image that is being made may lack it
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return path
    throw error
  }
}

/** The note with the command that enables the package's unit; none if it is enabled. */
export function enablingNotes({ enabled: isEnabled }: Packaged): string[] {
  return isEnabled ? [] : ['the package’s unit is disabled: systemctl enable vfioctl-restore.service']
}

/** The note that a package's enabled units and rule go on without what `boot install` writes. */
export function stayingNotes(packaged: Packaged | null): string[] {
  return packaged?.enabled === true
    ? [
        'the package’s own units and rule stay: systemctl disable vfioctl-restore.service keeps devices from starting at ' +
          'boot, systemctl mask vfioctl-restore@.path as cards and drivers come',
      ]
    : []
}
