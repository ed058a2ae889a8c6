import { printable } from '../../../base/units.ts'
import { listOrNone, readOrEmpty } from '../../../host/sysfs/readable.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/** A file for each id with the type's name: a driver names only what can be made now, not what is there already. */
export const typeNamesPath = '/var/lib/vfioctl/vgpu-types'

/**
 * The name that a type was listed with once; null for one that nobody noted. It helps people, and nothing depends on
 * it.
 */
export function knownTypeName(files: HostFiles, id: number): string | null {
  const name = readOrEmpty(files, `${typeNamesPath}/${id}`).trim()
  return name !== '' && printable(name) === name ? name : null
}

/** Ids that were listed with this name once. */
export function knownTypes(files: HostFiles): { id: number; name: string }[] {
  return listOrNone(files, typeNamesPath)
    .filter((name) => /^[1-9]\d{0,9}$/.test(name))
    .flatMap((digits) => {
      const name = knownTypeName(files, Number(digits))
      return name === null ? [] : [{ id: Number(digits), name }]
    })
}
