import * as v from 'valibot'
import { VfioError } from '../../base/errors.ts'
import { type PciAddress, pciAddressOrNull } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Change, ChangeOptions, Step } from '../change/change.ts'
import type { DeviceIdentity } from '../change/device-identity.ts'
import { type Attribute, type Definition, type StartMode, sameDefinition } from '../definition/definition.ts'
import { nodeOwners } from '../settings/node-owners.ts'
import { Settings, withSettingsLock } from '../settings/settings.ts'

/** The device that a virtual function is to be made, once it is there. */
export interface StoredFunction {
  readonly address: PciAddress
  /** Its physical function. */
  readonly parent: PciAddress
  readonly definition: Definition
}

interface FunctionFile {
  readonly parent: PciAddress
  readonly type: string
  readonly start: StartMode
  readonly attributes: readonly Attribute[]
}

const address = v.pipe(
  v.string(),
  v.rawTransform(({ dataset, addIssue, NEVER }) => {
    const found = pciAddressOrNull(dataset.value)
    if (found === dataset.value) return found
    addIssue({ message: 'must be a PCI address such as 0000:41:00.0' })
    return NEVER
  }),
)

/**
 * Definitions of devices that are virtual functions, one kind of them: /etc/vfioctl.d/FOLDER/ADDRESS.json. mdevctl's
 * store is for what has a UUID.
 */
export class FunctionDefinitions<Identity extends DeviceIdentity> {
  readonly settings: Settings<FunctionFile>
  readonly #identity: (address: PciAddress) => Identity

  /** `what` says in messages what a file of it is: 'definition of a vGPU'. */
  constructor(
    folder: string,
    what: string,
    type: v.GenericSchema<unknown, string>,
    identity: (address: PciAddress) => Identity,
  ) {
    const schema: v.GenericSchema<unknown, FunctionFile> = v.strictObject({
      parent: address,
      type,
      start: v.picklist(['auto', 'manual']),
      attributes: v.array(v.strictObject({ name: v.string(), value: v.string() })),
    })
    this.settings = new Settings(folder, what, schema)
    this.#identity = identity
  }

  /** The file that keeps a definition. */
  fileOf({ parent, definition }: Omit<StoredFunction, 'address'>): FunctionFile {
    return { parent, ...definition }
  }

  /** The one of an address, or null. INVALID_SETTING if its file is broken. */
  read(files: HostFiles, address: PciAddress): StoredFunction | null {
    const file = this.settings.read(files, address)
    return file === null ? null : stored(address, file)
  }

  /** Every one there is, by address. A file that is foreign or cannot be read is a warning with its path. */
  list(files: HostFiles): { definitions: StoredFunction[]; warnings: Warning[] } {
    const { settings, warnings } = this.settings.list(files)
    const definitions = settings.flatMap(({ name, path, value }) => {
      const address = pciAddressOrNull(name)
      if (address === name) return [stored(address, value)]
      warnings.push({ path, message: 'is not a definition: its name is not a PCI address' })
      return []
    })
    return { definitions, warnings }
  }

  /** Stores a definition. The same again is no change; another for the same function is ALREADY_EXISTS. */
  define(
    kernel: Kernel,
    find: () => StoredFunction,
    options: ChangeOptions,
  ): Promise<Change<Identity>> | Change<Identity> {
    const { files } = kernel
    return this.#changing(kernel, options, () => {
      const wanted = find()
      const there = this.read(files, wanted.address)
      if (there !== null && !isSame(there, wanted)) {
        throw new VfioError('ALREADY_EXISTS', `${wanted.address} is already defined, differently`, {
          path: this.settings.path(wanted.address),
          hint: `vfioctl modify ${wanted.address} …, or vfioctl undefine ${wanted.address} first`,
          facts: { device: wanted.address, stored: there.definition.type, wanted: wanted.definition.type },
        })
      }
      return this.#store(files, wanted, there, options)
    })
  }

  /** Stores a definition in place of whatever is there. */
  async replace(kernel: Kernel, wanted: StoredFunction, options: ChangeOptions): Promise<Change<Identity>> {
    const { files } = kernel
    return this.#changing(kernel, options, () => this.#store(files, wanted, this.read(files, wanted.address), options))
  }

  /**
   * Deletes a definition, and what is kept of its nodes' owner unless the device runs. Nothing kept is no change;
   * `cardOf` tells the card then, or throws.
   */
  async undefine(
    kernel: Kernel,
    address: PciAddress,
    { runs, cardOf }: { readonly runs: () => boolean; readonly cardOf: (isKept: boolean) => PciAddress },
    options: ChangeOptions,
  ): Promise<Change<Identity>> {
    const { files } = kernel
    const dryRun = options.dryRun === true
    return this.#changing(kernel, options, () => {
      const isThere = files.kind(this.settings.path(address)) !== null
      // a definition that nobody can read can still be deleted
      const known = isThere ? this.settings.readOrNone(files, address) : null
      const isRunning = runs()
      const steps = this.undefineSteps(files, address, isRunning)
      const parent = known?.parent ?? cardOf(isThere || steps.length > 0)
      if (steps.length > 0 && !dryRun) {
        this.settings.delete(files, address)
        if (!isRunning) nodeOwners.delete(files, address)
      }
      const changed = steps.length > 0
      return { ...this.#identity(address), parent, type: known?.type ?? null, changed, dryRun, steps }
    })
  }

  /** Deletes what is kept for the next starts; whose the nodes are is known until the device ends. */
  undefineSteps(files: HostFiles, address: PciAddress, runs: boolean): Step[] {
    const path = this.settings.path(address)
    const kept = runs ? [path] : [path, nodeOwners.path(address)]
    return kept.filter((it) => files.kind(it) !== null).map((it) => ({ action: 'delete', path: it }))
  }

  #changing<T>(kernel: Kernel, options: ChangeOptions, work: () => T): Promise<T> | T {
    return options.dryRun === true ? work() : withSettingsLock(kernel, work, options)
  }

  #store(
    files: HostFiles,
    wanted: StoredFunction,
    there: StoredFunction | null,
    { dryRun = false }: ChangeOptions,
  ): Change<Identity> {
    const { address, parent, definition } = wanted
    const file = this.fileOf(wanted)
    const changed = there === null || !isSame(there, wanted)
    if (changed && !dryRun) this.settings.save(files, address, file)
    const step = { action: 'save' as const, path: this.settings.path(address), content: this.settings.format(file) }
    const steps = changed ? [step] : []
    return { ...this.#identity(address), parent, type: definition.type, changed, dryRun, steps }
  }
}

function stored(address: PciAddress, { parent, ...definition }: FunctionFile): StoredFunction {
  return { address, parent, definition }
}

function isSame(a: StoredFunction, b: StoredFunction): boolean {
  return a.parent === b.parent && sameDefinition(a.definition, b.definition)
}
