import { kernelAnswer, VfioError } from '../../base/errors.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { driverNameFault } from '../driver-name.ts'
import { modulesFolder, releaseFile } from '../kernel-modules.ts'
import { kindOrNone, readOrNull } from '../sysfs/readable.ts'

/** Fields of a PCI modalias in its order: vendor, device, those of the subsystem, base class, subclass, interface. */
export type ModaliasFields = readonly string[]

/** A line of modules.alias for a driver that VFIO has for some devices: `alias vfio_pci:v…d…sv…sd…bc…sc…i… MODULE`. */
export interface VfioAlias {
  /** `*` is any value. */
  readonly fields: ModaliasFields
  readonly module: string
}

/** The aliases of the running kernel's modules. */
export interface VfioAliases {
  /** In the order of the file. */
  readonly aliases: readonly VfioAlias[]
  /** The file, if it is not there: then nothing tells of variant drivers. Null if it is. */
  readonly missing: string | null
}

/** Distributions have 1 to 2 MiB in it; libvirt reads as much as this. */
const largestFile = 8 * 2 ** 20

const value = '([0-9A-F]{1,8}|\\*)'
const modalias = new RegExp(`^v${value}d${value}sv${value}sd${value}bc${value}sc${value}i${value}$`)

/**
 * The lines of /lib/modules/RELEASE/modules.alias that begin with `vfio_pci:`: the build of the kernel makes them of
 * ids that are only for `driver_override` (PCI_DRIVER_OVERRIDE_DEVICE_VFIO). Lines of another form are left out.
 * SYSTEM_CALL_FAILED, with the errno, if the file is there and cannot be read, or is more than 8 MiB; MALFORMED_REPLY
 * if it is no file.
 */
export function readVfioAliases(files: HostFiles): VfioAliases {
  const folder = modulesFolder(files)
  if (folder === null) return { aliases: [], missing: releaseFile }
  const path = `${folder}/modules.alias`
  const kind = kindOrNone(files, path)
  if (kind !== null && kind !== 'file' && kind !== 'symlink') throw unreadable(path, null)
  const text = textOf(files, path)
  if (text === null) return { aliases: [], missing: path }
  const lines = text.matchAll(/^alias vfio_pci:(\S{1,100}) (\S{1,100})$/gm)
  const aliases = [...lines].flatMap(([, alias = '', module = '']): VfioAlias[] => {
    const parts = fieldsOf(alias)
    return parts === null || driverNameFault(module) !== null ? [] : [{ fields: parts, module }]
  })
  return { aliases, missing: null }
}

/** The fields of the modalias of a device on the bus pci ('pci:v…'); null for any other text. */
export function modaliasFields(text: string): ModaliasFields | null {
  return text.startsWith('pci:') ? fieldsOf(text.slice('pci:'.length)) : null
}

function fieldsOf(text: string): string[] | null {
  return modalias.exec(text)?.slice(1) ?? null
}

function textOf(files: HostFiles, path: string): string | null {
  try {
    return readOrNull(files, path, largestFile)
  } catch (cause) {
    throw unreadable(path, cause)
  }
}

function unreadable(path: string, cause: unknown): VfioError {
  const why = cause === null ? 'it is no file' : kernelAnswer(cause)
  return new VfioError(
    cause === null ? 'MALFORMED_REPLY' : 'SYSTEM_CALL_FAILED',
    `cannot tell VFIO's drivers for particular devices from ${path}: ${why}`,
    {
      path,
      hint: 'depmod writes it anew; if vfio-pci is named as the driver, nobody asks that file',
      ...(cause === null ? {} : { cause }),
    },
  )
}
