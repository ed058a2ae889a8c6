import type { PciAddress } from '../../../base/units.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { DeviceIdentity } from '../../change/device-identity.ts'
import type { FunctionDefinitions } from '../../device/function-definitions.ts'
import type { FoundKept } from '../../device/virtual-device-kind.ts'

/** Functions of one kind that are defined, as what is kept for the next boots; `stateOf` says how one is now. */
export function keptFunctions<Identity extends DeviceIdentity>(
  files: HostFiles,
  kind: Identity['kind'],
  stored: FunctionDefinitions<Identity>,
  stateOf: (files: HostFiles, address: PciAddress) => string,
): FoundKept {
  const { definitions, warnings } = stored.list(files)
  const kept = definitions.map(({ address, parent, definition }) => ({
    kind,
    device: address,
    what: `${definition.type} on ${parent}, ${definition.start}`,
    now: stateOf(files, address),
    path: stored.settings.path(address),
    forget: `vfioctl undefine ${address}`,
  }))
  return { kept, warnings }
}
