import * as v from 'valibot'
import { Settings } from './settings.ts'

/** To whom a virtual device's nodes go when it is started; null for what stays as the kernel made it. */
export interface NodeOwner {
  /** By name, or by number. */
  readonly user: string | null
  readonly group: string | null
  /** Octal digits: '0660'. */
  readonly mode: string | null
}

/**
 * A mode as chmod(1) takes it, of permissions alone: set-user-ID means nothing on a node, and the unit that restores
 * devices may not set it.
 * @internal
 */
export const octalMode: v.GenericSchema<unknown, string> = v.pipe(
  v.string("must be octal digits in quotes, such as '0660'"),
  v.regex(/^0?[0-7]{3}$/, "must be octal digits in quotes, such as '0660'"),
)

/**
 * By the device's name: a UUID, or a PCI address.
 * @internal
 */
export const nodeOwners: Settings<NodeOwner> = new Settings(
  'node-owners',
  'owner of a device node',
  v.strictObject({ user: v.nullable(v.string()), group: v.nullable(v.string()), mode: v.nullable(octalMode) }),
)
