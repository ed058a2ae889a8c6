import { printable } from '../../base/units.ts'
import type { DeviceType } from '../../lifecycle/device/device-type.ts'
import type { HostChange } from '../../lifecycle/watch/host-change.ts'

/** One line for people: 'device UUID appeared: mtty-2 on mtty, /dev/vfio/7'. */
export function changeText(told: HostChange): string {
  const [name, more] = describe(told)
  const change = told.change === 'present' ? 'is there' : told.change
  return `${told.what} ${name} ${change}${told.change === 'gone' ? '' : `: ${more}`}`
}

function describe(told: HostChange): [name: string, more: string] {
  switch (told.what) {
    case 'device': {
      const { name, type, typeName, parent, node } = told.device
      return [name, `${named(type, typeName)} on ${parent}, ${node ?? 'without a node'}`]
    }
    case 'definition': {
      const { name, parent, definition } = told.device
      const attributes = (definition?.attributes ?? []).map((it) => `${it.name}=${printable(it.value)}`)
      return [name, [`${definition?.type} on ${parent}`, definition?.start ?? '', ...attributes].join(', ')]
    }
    case 'type': {
      const { type, name, parent } = told.type
      return [`${named(type, name)} on ${parent}`, room(told.type)]
    }
    case 'warning':
      return [told.warning.path, told.warning.message]
  }
}

function room(type: DeviceType): string {
  if (type.availableAtMost !== undefined) return `at most ${type.availableAtMost} more can be made`
  return `${type.available ?? 'nobody knows how many'} more can be made`
}

function named(type: string, name: string | null): string {
  return name === null ? type : `${type} (${printable(name)})`
}
