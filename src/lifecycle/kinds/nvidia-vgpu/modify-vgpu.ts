import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import type { Kernel } from '../../../kernel/kernel.ts'
import type { Change, ChangeOptions } from '../../change/change.ts'
import { type DefinitionEdit, editDefinition } from '../../definition/edit-definition.ts'
import { chooseVgpuType } from './choose-type.ts'
import { vgpuDefinitions } from './definitions.ts'
import type { VgpuIdentity } from './vgpu-identity.ts'

/** Changes the definition of a vGPU; what runs stays as it is. */
export async function modifyVgpu(
  kernel: Kernel,
  address: PciAddress,
  edit: DefinitionEdit,
  options: ChangeOptions = {},
): Promise<Change<VgpuIdentity>> {
  const { files } = kernel
  const stored = vgpuDefinitions.read(files, address)
  if (stored === null) {
    throw new VfioError('NOT_FOUND', `${address} is not defined, so there is nothing to modify`, {
      hint: `vfioctl define ${address} -t TYPE`,
      facts: { device: address },
    })
  }
  const { parent, definition } = stored
  const type = edit.type === undefined ? undefined : typeId(kernel, parent, edit.type, edit.force)
  return vgpuDefinitions.replace(
    kernel,
    { address, parent, definition: editDefinition(definition, edit, type) },
    options,
  )
}

function typeId({ files }: Kernel, card: PciAddress, type: string, force = false): string {
  return force && /^[1-9]\d{0,9}$/.test(type) ? type : chooseVgpuType(files, card, type).type
}
