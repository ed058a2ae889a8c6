import type { GenericSchema } from 'valibot'
import { VfioError } from '../../base/errors.ts'
import { checkedName, printable } from '../../base/units.ts'
import { realPlace } from '../../host/changeable-by-others.ts'
import { listOrWarn, type Warning } from '../../host/warning.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { ChangeOptions } from '../change/change.ts'
import {
  deleteKept,
  ensureDirectory,
  isLeftover,
  type KeptFile,
  pathOf,
  readKept,
  readListed,
  replaceKept,
} from '../files/durable-files.ts'
import { checkReadable, parseJsonFile } from '../files/json-file.ts'
import { withLock } from '../files/lock.ts'

/** The folder of settings that mdevctl's files have no field for. */
export const settingsPath = '/etc/vfioctl.d'
const suffix = '.json'

/** One kind of setting: its folder, and how a value is written and read. */
export interface Setting<T> {
  readonly name: string
  readonly path: string
  readonly value: T
}

/**
 * One kind of what is kept: /etc/vfioctl.d/KIND/NAME.json unless it is kept elsewhere; each file one value of the
 * schema.
 */
export class Settings<T> {
  readonly #folder: string
  readonly #what: string
  readonly #schema: GenericSchema<unknown, T>

  /** `kind` names the folder; `what` says in messages what a file of it is: 'driver binding'. */
  constructor(kind: string, what: string, schema: GenericSchema<unknown, T>, place: string = settingsPath) {
    this.#folder = `${place}/${kind}`
    this.#what = what
    this.#schema = schema
  }

  /** INVALID_ARGUMENT for a name that cannot be one component of a path. */
  path(name: string): string {
    return pathOf(this.#file(name))
  }

  /** All settings of the kind, sorted by name. A file that is foreign or cannot be read is a warning with its path. */
  list(files: HostFiles): { settings: Setting<T>[]; warnings: Warning[] } {
    const warnings: Warning[] = []
    const settings: Setting<T>[] = []
    for (const entry of listOrWarn(files, this.#folder, warnings).sort()) {
      const path = `${this.#folder}/${entry}`
      if (isLeftover(entry)) continue
      if (!entry.endsWith(suffix)) {
        warnings.push({ path, message: `is no ${this.#what}: its name does not end in ${suffix}` })
        continue
      }
      const found = readListed(files, path, (text) => ({ value: this.#trusted(files, text, path) }), warnings)
      if (found !== null) settings.push({ name: entry.slice(0, -suffix.length), path, value: found.value })
    }
    return { settings, warnings }
  }

  /** One, or null if there is none. INVALID_SETTING if its file is broken. */
  read(files: HostFiles, name: string): T | null {
    return readKept(files, this.path(name), (text, path) => this.#trusted(files, text, path))
  }

  /** The same, if one whose file is broken is as good as none. */
  readOrNone(files: HostFiles, name: string): T | null {
    try {
      return this.read(files, name)
    } catch (error) {
      if (error instanceof VfioError && error.code === 'INVALID_SETTING') return null
      throw error
    }
  }

  /** The file's text, byte for byte. INVALID_ARGUMENT for what could not be read back. */
  format(value: T): string {
    const text = `${JSON.stringify(value, null, 2)}\n`
    checkReadable(text, (written) => this.#parse(written, `the ${this.#what}`))
    return text
  }

  /** Under `withSettingsLock`. */
  save(files: HostFiles, name: string, value: T): void {
    replaceKept(files, this.#file(name), this.format(value))
  }

  /** Under `withSettingsLock`; what is not there is gone already. */
  delete(files: HostFiles, name: string): void {
    if (files.kind(this.path(name)) !== null) deleteKept(files, this.#file(name))
  }

  #file(name: string): KeptFile {
    if (name.startsWith('.')) throw new VfioError('INVALID_ARGUMENT', `name '${printable(name)}' begins with a dot`)
    return { folder: this.#folder, name: `${checkedName(this.#what, name)}${suffix}` }
  }

  /** Root acts on it: whoever can change it is root. */
  #trusted(files: HostFiles, text: string, path: string): T {
    const { changeable } = realPlace(files, path)
    if (changeable === null) return this.#parse(text, path)
    throw new VfioError('INVALID_SETTING', `${path} is not used: ${changeable}`, {
      path,
      hint: `look at it, then chown root:root and chmod go-w what others can change; ls -ld ${this.#folder} ${path}`,
    })
  }

  #parse(text: string, path: string): T {
    return parseJsonFile(
      text,
      this.#schema,
      (what, cause) =>
        new VfioError('INVALID_SETTING', `${path} is no ${this.#what}: ${what}`, {
          path,
          hint: `look at ${path}; vfioctl writes it anew when it is set again`,
          ...(cause === undefined ? {} : { cause }),
        }),
    )
  }
}

/** Runs `work` as the only vfioctl that changes settings; their folder is made if it is not there. */
export function withSettingsLock<T>(
  kernel: Kernel,
  work: () => Promise<T> | T,
  options: Pick<ChangeOptions, 'onMessage' | 'signal'>,
): Promise<T> {
  ensureDirectory(kernel.files, settingsPath)
  return withLock(kernel, settingsPath, work, options)
}
