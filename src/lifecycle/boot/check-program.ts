import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { escaped } from '../../base/units.ts'
import { realPlace } from '../../host/changeable-by-others.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { Program } from './boot-files.ts'

const hint = 'install it for all users, as root: npm install -g vfioctl; then run that one: vfioctl boot install'

/**
 * Refuses a program that root would run at every boot and that is not only root's to change (PERMISSION_DENIED), or
 * that stands where it does not stay (INVALID_ARGUMENT). What is not there yet, in an image that is being made, is
 * passed over.
 */
export function checkProgram(files: HostFiles, program: Program): void {
  for (const path of program) {
    const place = placeOrNull(files, path)
    if (place === null) continue
    if (place.changeable !== null) {
      const what = `root would run ${escaped(path)} at every boot, and others can change it: ${escaped(place.changeable)}`
      throw new VfioError('PERMISSION_DENIED', what, { path, hint })
    }
    const passing = passingPlace(files, place.path) ?? passingPlace(files, path)
    if (passing === null) continue
    throw new VfioError('INVALID_ARGUMENT', `${escaped(path)} is in ${passing}, and may be gone at the next boot`, {
      path,
      hint,
    })
  }
}

function placeOrNull(files: HostFiles, path: string) {
  try {
    return realPlace(files, path)
  } catch (error) {
    if (failedWith(error, 'ENOENT', 'ENOTDIR')) return null
    throw error
  }
}

/** The cache that package managers empty (npx, dlx), or the project whose next install replaces it; null for none. */
function passingPlace(files: HostFiles, path: string): string | null {
  if (/\/(?:_npx|_cacache|dlx|dlx-[^/]*|bunx-[^/]*)\//.test(path)) return 'a package manager’s cache'
  const [, project] = /^(.*?)\/node_modules\//.exec(path) ?? []
  // pnpm and yarn keep what is global as a project of their own
  if (project === undefined || /\/global(?:\/\d+)?$/.test(project)) return null
  return files.kind(`${project}/package.json`) === null ? null : `the packages of the project ${escaped(project)}`
}
