import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceType, TypeFilter } from '../device/device-type.ts'
import { kinds } from './kinds.ts'

/** Everything that the cards offer, kind by kind, each by parent and type. */
export function readDeviceTypes(
  files: HostFiles,
  filter: TypeFilter = {},
): { types: DeviceType[]; warnings: Warning[] } {
  const found = kinds.map((kind) => kind.types(files, filter))
  const lacks = found.filter(({ unsupported }, at) => {
    return unsupported !== null && found.every(({ types }, other) => other === at || types.length === 0)
  })
  return {
    types: found.flatMap(({ types }) => types),
    warnings: [...lacks.flatMap(({ unsupported }) => unsupported ?? []), ...found.flatMap(({ warnings }) => warnings)],
  }
}
