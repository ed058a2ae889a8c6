import type { HostFiles } from '../../kernel/kernel.ts'
import { readOrNull } from '../sysfs/readable.ts'
import { knownVariant } from './known-variants.ts'
import { loadedDriver } from './loaded-driver.ts'
import { type ModaliasFields, modaliasFields, readVfioAliases, type VfioAliases } from './vfio-aliases.ts'

/** A driver that can give a PCI device to VFIO. */
export interface VfioPciDriver {
  /** Its name in /sys/bus/pci/drivers; while its module is not loaded, the name that it should have there. */
  readonly driver: string
  readonly module: string
  readonly isLoaded: boolean
  /** The driver does this for the device, in words; null for one that vfioctl does not know. */
  readonly brings: string | null
}

/** The driver that takes any endpoint. */
export const plainVfioDriver = 'vfio-pci'
const plainModule = 'vfio_pci'

/** VFIO's drivers on the PCI bus. The aliases of the modules are read once, when they are first asked for. */
export class VfioPciDrivers {
  readonly #files: HostFiles
  #aliases: VfioAliases | null = null

  constructor(files: HostFiles) {
    this.#files = files
  }

  /**
   * The file that would tell of variant drivers, if it is not there; null if it is. Throws as `readVfioAliases` does.
   */
  get missing(): string | null {
    return this.#read().missing
  }

  /**
   * Those for a device, best first, as libvirt takes them: the alias with the fewest wildcards that matches its
   * modalias, the earlier in modules.alias of two alike; vfio-pci comes last. Throws as `readVfioAliases` does.
   */
  of(address: string): readonly VfioPciDriver[] {
    const modalias = readOrNull(this.#files, `/sys/bus/pci/devices/${address}/modalias`)?.trim() ?? ''
    return this.matching(modaliasFields(modalias) ?? [])
  }

  /** The same for the fields of a modalias. What a wildcard alone may match is '' of a device that is not there yet. */
  matching(fields: ModaliasFields): readonly VfioPciDriver[] {
    const matches = this.#read()
      .aliases.filter((alias) => alias.fields.every((field, index) => field === '*' || field === fields[index]))
      .map(({ module, fields: its }) => ({ module, wildcards: its.filter((field) => field === '*').length }))
      .sort((one, other) => one.wildcards - other.wildcards)
    const modules = new Set([...matches.map(({ module }) => module.replaceAll('-', '_')), plainModule])
    return [...modules].map((module) => this.#driver(module))
  }

  #driver(module: string): VfioPciDriver {
    const its = knownVariant(module)
    // one that is built in need not be in /sys/module
    const loaded = loadedDriver(this.#files, 'pci', its?.driver ?? module)
    return { driver: loaded ?? its?.driver ?? module, module, isLoaded: loaded !== null, brings: its?.brings ?? null }
  }

  #read(): VfioAliases {
    this.#aliases ??= readVfioAliases(this.#files)
    return this.#aliases
  }
}
