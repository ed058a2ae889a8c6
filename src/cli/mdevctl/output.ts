import { escaped } from '../../base/units.ts'
import { definitionFile } from '../../lifecycle/definition/definition.ts'
import type { MdevType } from '../../lifecycle/kinds/mdev/mdev-types.ts'
import { json } from '../output/output.ts'
import type { ShownDevice } from './shown-devices.ts'

/** `UUID PARENT TYPE auto|manual`, and whether it is on the other side too. */
export function listText(devices: readonly ShownDevice[], other: 'defined' | 'active', verbose: boolean): string {
  return devices
    .map(({ uuid, parent, definition: { type, start, attributes }, isBoth }) => {
      const line = `${uuid} ${escaped(parent)} ${escaped(type)} ${start}${isBoth ? ` (${other})` : ''}\n`
      if (!verbose || attributes.length === 0) return line
      return `${line}  Attrs:\n${attributes.map(({ name, value }, i) => `    @{${i}}: {"${escaped(name)}":"${escaped(value)}"}\n`).join('')}`
    })
    .join('')
}

/** All by their parents; a single one that was asked for by its UUID, as its definition file would be. */
export function listJson(devices: readonly ShownDevice[], byUuid: boolean): string {
  const [only] = devices
  if (byUuid && only !== undefined && devices.length === 1) return pretty(definitionFile(only.definition))
  return byParent(devices.map((device) => [device.parent, { [device.uuid]: definitionFile(device.definition) }]))
}

/** Types as `mdevctl types` prints them. */
export function typesText(types: readonly ShownType[]): string {
  let parent = ''
  return types
    .map((type) => {
      const heading = type.parent === parent ? '' : `${escaped(type.parent)}\n`
      parent = type.parent
      return `${heading}  ${escaped(type.type)}
    Available instances: ${type.available}
    Device API: ${escaped(type.deviceApi)}
${type.name === null ? '' : `    Name: ${escaped(type.name)}\n`}${type.description === null ? '' : `    Description: ${onOneLine(type.description)}\n`}`
    })
    .join('')
}

/** Types as `mdevctl types --dumpjson` prints them. */
export function typesJson(types: readonly ShownType[]): string {
  return byParent(
    types.map(({ parent, type, available, deviceApi, name, description }) => {
      const said = {
        available_instances: available,
        device_api: deviceApi,
        ...(name === null ? {} : { name }),
        ...(description === null ? {} : { description: onOneLine(description) }),
      }
      return [parent, { [type]: said }]
    }),
  )
}

/** A type with all that mdevctl shows of every type. */
export type ShownType = MdevType & { readonly available: number; readonly deviceApi: string }

/** True if mdevctl lists the type: it skips types without an API or a count. */
export function isShown(type: MdevType): type is ShownType {
  return type.available !== null && type.deviceApi !== null
}

function onOneLine(description: string): string {
  return description.replaceAll('\n', ', ')
}

function byParent(entries: readonly (readonly [parent: string, entry: object])[]): string {
  const parents = new Map<string, object[]>()
  for (const [parent, entry] of entries) parents.set(parent, [...(parents.get(parent) ?? []), entry])
  return pretty(parents.size === 0 ? [] : [Object.fromEntries(parents)])
}

/** Two spaces, no final newline. */
function pretty(value: object): string {
  return json(value).trimEnd()
}
