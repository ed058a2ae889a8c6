import type { Uuid } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { Callouts } from '../../lifecycle/callouts/callouts.ts'
import type { Attribute, Definition } from '../../lifecycle/definition/definition.ts'
import { readMdevDevices } from '../../lifecycle/kinds/mdev/mdev-devices.ts'
import { readDefinitions } from '../../lifecycle/kinds/mdev/store.ts'

/** A device as mdevctl's `list` shows it: a running one, or with `-d` a defined one. */
export interface ShownDevice {
  readonly uuid: Uuid
  readonly parent: string
  readonly definition: Definition
  /** The other side of it: of a running device that it is defined, of a defined one that it runs. */
  readonly isBoth: boolean
}

/** The devices to show; undefined for all. */
export interface ShownFilter {
  readonly uuid: Uuid | undefined
  readonly parent: string | undefined
}

type Shown = { readonly devices: ShownDevice[]; readonly warnings: readonly Warning[] }

/** Running devices; their attributes are what a callout script says, and nothing without one. */
export async function runningDevices(
  kernel: Kernel,
  { uuid, parent }: ShownFilter,
  said: (text: string) => void,
): Promise<Shown> {
  const running = readMdevDevices(kernel.files, uuid)
  const stored = readDefinitions(kernel.files, uuid)
  const devices: ShownDevice[] = []
  for (const device of running.devices) {
    if (parent !== undefined && parent !== device.parent) continue
    const own = stored.definitions.find((it) => it.uuid === device.uuid && it.parent === device.parent)
    const definition: Definition = {
      type: device.type,
      start: own?.definition.start ?? 'manual',
      attributes: await attributesOf(kernel, device, said),
    }
    devices.push({ uuid: device.uuid, parent: device.parent, definition, isBoth: own !== undefined })
  }
  return { devices: devices.sort(byParentThenUuid), warnings: [...running.warnings, ...stored.warnings] }
}

/** Defined devices, by parent and UUID. */
export function definedDevices({ files }: Kernel, { uuid, parent }: ShownFilter): Shown {
  const { definitions, warnings } = readDefinitions(files, uuid)
  const running = readMdevDevices(files, uuid).devices
  const devices = definitions
    .filter((it) => parent === undefined || it.parent === parent)
    .map((stored): ShownDevice => {
      const { type } = stored.definition
      const isBoth = running.some((it) => it.uuid === stored.uuid && it.parent === stored.parent && it.type === type)
      return { ...stored, isBoth }
    })
  return { devices: devices.sort(byParentThenUuid), warnings }
}

/** A list goes on if a script fails; what it says is told. */
async function attributesOf(
  kernel: Kernel,
  device: { readonly uuid: Uuid; readonly parent: string; readonly type: string },
  said: (text: string) => void,
): Promise<readonly Attribute[]> {
  try {
    return (await new Callouts(kernel, device, { onMessage: said }).attributes()) ?? []
  } catch (error) {
    said(error instanceof Error ? error.message : String(error))
    return []
  }
}

function byParentThenUuid(a: ShownDevice, b: ShownDevice): number {
  if (a.parent !== b.parent) return a.parent < b.parent ? -1 : 1
  return a.uuid < b.uuid ? -1 : a.uuid > b.uuid ? 1 : 0
}
