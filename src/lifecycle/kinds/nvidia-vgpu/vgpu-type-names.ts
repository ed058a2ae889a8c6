import { printable } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'

/** A file for each id with the type's name: a driver names only what can be made now, not what is there already. */
export const typeNamesPath = '/var/lib/vfioctl/vgpu-types'

/** The name that a type was listed with once; null for one that nobody noted. */
export function knownTypeName(files: HostFiles, id: number): string | null {
  try {
    const name = files.read(`${typeNamesPath}/${id}`).trim()
    return name !== '' && printable(name) === name ? name : null
  } catch {
    // a name helps people, and nothing depends on it
    return null
  }
}

/** Ids that were listed with this name once. */
export function knownTypes(files: HostFiles): { id: number; name: string }[] {
  let names: string[] = []
  try {
    names = files.list(typeNamesPath)
  } catch {
    return []
  }
  return names
    .filter((name) => /^[1-9]\d{0,9}$/.test(name))
    .flatMap((digits) => {
      const name = knownTypeName(files, Number(digits))
      return name === null ? [] : [{ id: Number(digits), name }]
    })
}
