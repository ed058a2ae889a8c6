import { posix } from 'node:path'
import { VfioError } from '../../../base/errors.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import { ensureDirectory, replaceAllKept } from '../../files/durable-files.ts'
import { knownTypeName, typeNamesPath } from './vgpu-type-names.ts'
import type { CreatableType } from './vgpu-types.ts'

/** Keeps the names of types while they are listed: once a vGPU is made, its driver tells only the number. */
export function cacheTypeNames(files: HostFiles, types: readonly CreatableType[]): void {
  const unknown = types.filter(({ id, name }) => knownTypeName(files, id) !== name)
  if (unknown.length === 0) return
  try {
    ensureDirectory(files, posix.dirname(typeNamesPath))
    replaceAllKept(files, typeNamesPath, new Map(unknown.map(({ id, name }) => [String(id), `${name}\n`])))
  } catch (error) {
    // names are for people: a disk that takes none does not keep a vGPU from being made
    if (!(error instanceof VfioError)) throw error
  }
}
