import { counted } from '../../base/units.ts'
import { gimDriver } from '../../host/amd-gim.ts'
import { pciPath, readPhysicalFunctions } from '../../host/sriov.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import type { DeviceType, TypeFilter } from '../device/device-type.ts'
import { parentName } from '../device/parents.ts'
import { kinds } from './kinds.ts'

/** Everything that the cards offer, kind by kind, each by parent and type. */
export function readDeviceTypes(
  files: HostFiles,
  filter: TypeFilter = {},
): { types: DeviceType[]; warnings: Warning[] } {
  const found = kinds.map((kind) => kind.types(files, filter))
  const types = found.flatMap((its) => its.types)
  const without = types.length > 0 ? [] : functionsWithoutTypes(files, filter)
  const lacks = found.filter(({ unsupported }, at) => {
    const isAlone = without.length === 0 && found.every((its, other) => other === at || its.types.length === 0)
    return unsupported !== null && isAlone
  })
  return {
    types,
    warnings: [
      ...lacks.flatMap(({ unsupported }) => unsupported ?? []),
      ...found.flatMap(({ warnings }) => warnings),
      ...without,
    ],
  }
}

/** AMD's GPUs whose functions are parts of them as they come: there is nothing to choose but their number. */
function functionsWithoutTypes(files: HostFiles, { parent, type }: TypeFilter): Warning[] {
  const only = parent === undefined ? undefined : parentName(parent)
  const cards = readPhysicalFunctions(files).functions.filter(({ address, driver, functions }) => {
    const isMeant = only === undefined || only === address || functions.some((it) => it === only)
    return driver === gimDriver && type === undefined && isMeant
  })
  return cards.map(({ address, count }) => {
    const message = `is divided by ${gimDriver} among ${counted(count, 'virtual function')} (its functions have no types): vfioctl sriov ${address}; vfioctl bind FUNCTION`
    return { path: pciPath(address), message }
  })
}
