import { nameFault } from '../base/units.ts'
import type { HostFiles } from '../kernel/kernel.ts'
import { kindOrNone, listOrNone, readOrEmpty } from './sysfs/readable.ts'

/** The file that says which kernel runs. */
export const releaseFile = '/proc/sys/kernel/osrelease'

/**
 * The release of the kernel that runs, by which folders and files are named: '6.12.0'. Null if it says no such name.
 */
export function kernelRelease(files: HostFiles): string | null {
  const release = readOrEmpty(files, releaseFile).trim()
  return nameFault(release) === null && /^[\w.+~-]+$/.test(release) ? release : null
}

/**
 * The folder of the running kernel's modules, '/lib/modules/6.12.0', which need not be there; null without a release.
 */
export function modulesFolder(files: HostFiles): string | null {
  const release = kernelRelease(files)
  return release === null ? null : `/lib/modules/${release}`
}

/** The place of a module of the kernel's own, and if it is there. */
export interface ModulePlace {
  /** The folder: '/lib/modules/6.12.0/kernel/drivers/vfio/pci'. */
  readonly folder: string
  readonly isThere: boolean
}

/**
 * The place of a module by its folder in the kernel's source, 'drivers/vfio/pci': its file is there, or it is built in,
 * or this kernel has none. Null if the host has no modules of the kernel that runs.
 */
export function modulePlace(files: HostFiles, source: string, module: string): ModulePlace | null {
  const modules = modulesFolder(files)
  if (modules === null || kindOrNone(files, `${modules}/kernel`) === null) return null
  const folder = `${modules}/kernel/${source}`
  return { folder, isThere: listOrNone(files, folder).some((name) => name.startsWith(`${module}.ko`)) }
}
