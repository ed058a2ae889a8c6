import * as v from 'valibot'
import { type PciAddress, pciAddressOrNull } from '../../../base/units.ts'
import type { Warning } from '../../../host/warning.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { Attribute, Definition, StartMode } from '../../definition/definition.ts'
import { Settings } from '../../settings/settings.ts'

/** The vGPU that a function is to be made, once it is there. */
export interface StoredVgpu {
  readonly address: PciAddress
  /** Its physical function. */
  readonly parent: PciAddress
  readonly definition: Definition
}

interface VgpuFile {
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

const schema: v.GenericSchema<unknown, VgpuFile> = v.strictObject({
  parent: address,
  type: v.pipe(v.string(), v.regex(/^[1-9]\d{0,9}$/, 'must be the id of a type')),
  start: v.picklist(['auto', 'manual']),
  attributes: v.array(v.strictObject({ name: v.string(), value: v.string() })),
})

/** /etc/vfioctl.d/vgpus/ADDRESS.json: mdevctl's store is for what has a UUID. */
export const vgpuSettings: Settings<VgpuFile> = new Settings('vgpus', 'definition of a vGPU', schema)

/** The file that keeps a vGPU's definition. */
export function vgpuFile({ parent, definition }: Omit<StoredVgpu, 'address'>): VgpuFile {
  return { parent, ...definition }
}

/** The one of an address, or null. INVALID_SETTING if its file is broken. */
export function readVgpuDefinition(files: HostFiles, address: PciAddress): StoredVgpu | null {
  const file = vgpuSettings.read(files, address)
  return file === null ? null : stored(address, file)
}

/** Every one there is, by address. A file that is foreign or cannot be read is a warning with its path. */
export function readVgpuDefinitions(files: HostFiles): { definitions: StoredVgpu[]; warnings: Warning[] } {
  const { settings, warnings } = vgpuSettings.list(files)
  const definitions = settings.flatMap(({ name, path, value }) => {
    const address = pciAddressOrNull(name)
    if (address === name) return [stored(address, value)]
    warnings.push({ path, message: 'is not a definition: its name is not a PCI address' })
    return []
  })
  return { definitions, warnings }
}

function stored(address: PciAddress, { parent, ...definition }: VgpuFile): StoredVgpu {
  return { address, parent, definition }
}
