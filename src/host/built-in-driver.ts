import type { HostFiles } from '../kernel/kernel.ts'
import { modulesFolder } from './kernel-modules.ts'
import { linkedName } from './sysfs/links.ts'
import { kindOrNone, listOrNone, readOrEmpty, readOrNone } from './sysfs/readable.ts'

/** A driver that is part of the kernel's image. */
export interface BuiltInDriver {
  readonly driver: string
  readonly module: string
}

/** Distributions have some hundred KiB in it. */
const largestFile = 8 * 2 ** 20

/**
 * The built-in driver of the PCI bus that knows a device, or that has it now; null if there is none, or if it is kept
 * from registering (initcall_blacklist). By sysfs, and by the aliases in /lib/modules/RELEASE/modules.builtin.modinfo.
 */
export function builtInDriver(files: HostFiles, address: string, now: string | null): BuiltInDriver | null {
  const modules = [...(now === null ? [] : [driverModule(files, now)]), ...builtInFor(files, address)]
  for (const module of modules) {
    if (kindOrNone(files, `/sys/module/${module}/initstate`) !== null) continue
    const driver = listOrNone(files, `/sys/module/${module}/drivers`).find((name) => name.startsWith('pci:'))
    if (driver !== undefined) return { driver: driver.slice('pci:'.length), module }
  }
  return null
}

/**
 * The module of a PCI driver. Most have their driver's name, with an underscore for a dash, whether it is loaded or
 * not.
 */
export function driverModule(files: HostFiles, driver: string): string {
  return linkedName(files, `/sys/bus/pci/drivers/${driver}/module`) ?? driver.replaceAll('-', '_')
}

/** The module of a PCI device's own driver, which has it now; none if VFIO has it, or nobody. */
export function nativeModules(files: HostFiles, driver: string | null): string[] {
  return driver === null || driver.includes('vfio') ? [] : [driverModule(files, driver)]
}

/** Linux before 6.18 has no aliases of devices in it. */
function builtInFor(files: HostFiles, address: string): string[] {
  const modalias = modaliasOf(files, address)
  const text = readModules(files, 'modules.builtin.modinfo') ?? ''
  const found = [...text.matchAll(/(?:^|\0)([\w-]{1,100})\.alias=(pci:[^\0]{1,100})/g)].flatMap(
    ([, module = '', alias = '']) => (fits(alias, modalias) ? [module.replaceAll('-', '_')] : []),
  )
  return [...new Set(found)]
}

/** The modules of the running kernel that are for a device, whatever their driver; null if no file tells. */
export function modulesFor(files: HostFiles, address: string): readonly string[] | null {
  const modalias = modaliasOf(files, address)
  const text = readModules(files, 'modules.alias')
  if (text === null || modalias === '') return null
  const found = [...text.matchAll(/^alias (pci:\S{1,100}) (\S{1,100})$/gm)].flatMap(([, alias = '', module = '']) =>
    fits(alias, modalias) ? [module] : [],
  )
  return [...new Set(found)]
}

function modaliasOf(files: HostFiles, address: string): string {
  return readOrEmpty(files, `/sys/bus/pci/devices/${address}/modalias`).trim()
}

function readModules(files: HostFiles, name: string): string | null {
  const folder = modulesFolder(files)
  if (folder === null) return null
  return readOrNone({ read: (it) => files.read(it, largestFile) }, `${folder}/${name}`)
}

/** `*` is anything; the parts between stand in the modalias one after the other. */
function fits(alias: string, modalias: string): boolean {
  const [first = '', ...others] = alias.split('*')
  if (modalias === '' || !modalias.startsWith(first)) return false
  let at = first.length
  for (const [index, part] of others.entries()) {
    const isLast = index === others.length - 1
    const found = isLast ? modalias.length - part.length : modalias.indexOf(part, at)
    if (found < at || !modalias.startsWith(part, found)) return false
    at = found + part.length
  }
  return others.length > 0 || modalias.length === at
}
