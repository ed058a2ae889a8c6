import type { Warning } from '../../host/warning.ts'
import type { DeviceType } from '../device/device-type.ts'
import type { VirtualDevice } from '../device/virtual-device.ts'

/** 'present': it was there when the watch began. */
export type ChangeKind = 'present' | 'appeared' | 'changed' | 'gone'

/** A change of a host. Of what is gone, `device`, `type` and `warning` are as they were last. */
export type HostChange =
  /** A virtual device that runs: started, stopped, or another than before. */
  | { readonly what: 'device'; readonly change: ChangeKind; readonly device: VirtualDevice }
  /** A definition in the store. */
  | { readonly what: 'definition'; readonly change: ChangeKind; readonly device: VirtualDevice }
  /** A type that a parent offers, and how many more of it can be made. */
  | { readonly what: 'type'; readonly change: ChangeKind; readonly type: DeviceType }
  /** Something of the host that cannot be read, or can again; or why the kernel tells nothing, and it is looked at. */
  | { readonly what: 'warning'; readonly change: ChangeKind; readonly warning: Warning }

/** A host at one moment: everything that changes can be told of, by its key, with what of it is compared. */
export type HostPicture = ReadonlyMap<string, { readonly compared: string; readonly thing: Thing }>

type Thing = HostChange extends infer T ? (T extends HostChange ? Omit<T, 'change'> : never) : never

/** The picture of a host at one moment. */
export function pictureOf(
  devices: readonly VirtualDevice[],
  types: readonly DeviceType[],
  warnings: readonly Warning[],
): HostPicture {
  const picture = new Map<string, { compared: string; thing: Thing }>()
  const add = (key: readonly string[], compared: unknown, thing: Thing) =>
    picture.set(JSON.stringify(key), { compared: JSON.stringify(compared), thing })
  for (const type of types) {
    const room = type.availableAtMost ?? type.available
    const said = [type.name, type.deviceApi, room, type.description]
    add(['type', type.kind, type.parent, type.type], said, { what: 'type', type })
  }
  for (const device of devices) {
    const { kind, parent, name, definition, active } = device
    // Nothing tells of who opens a device: it is no change.
    const state = [device.type, device.typeName, device.group, device.node]
    if (active) add(['device', kind, parent, name], state, { what: 'device', device })
    if (definition !== null) add(['definition', kind, parent, name], definition, { what: 'definition', device })
  }
  for (const warning of warnings) {
    add(['warning', warning.path, warning.message], null, { what: 'warning', warning })
  }
  return picture
}

/** The changes between two moments: first what is gone, then what is new or other. Without `before`, all is present. */
export function changesBetween(before: HostPicture | null, now: HostPicture): HostChange[] {
  const gone = [...(before ?? [])].flatMap(([key, { thing }]) => (now.has(key) ? [] : [changed(thing, 'gone')]))
  const others = [...now].flatMap(([key, { compared, thing }]) => {
    const earlier = before?.get(key)
    if (before === null) return [changed(thing, 'present')]
    if (earlier === undefined) return [changed(thing, 'appeared')]
    return earlier.compared === compared ? [] : [changed(thing, 'changed')]
  })
  return [...gone, ...others]
}

function changed(thing: Thing, change: ChangeKind): HostChange {
  return { ...thing, change }
}
