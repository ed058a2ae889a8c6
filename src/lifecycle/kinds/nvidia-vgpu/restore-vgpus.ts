import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { ChangeOptions } from '../../change/change.ts'
import type { RestoreStage } from '../../device/restore-task.ts'
import { vgpuDefinitions } from './definitions.ts'
import { newVgpu } from './function-writes.ts'
import { whyNoVgpus } from './place.ts'
import { startVgpu } from './start-vgpu.ts'
import { readVgpuFunction } from './vgpu-functions.ts'

/** The vendor vGPUs that are defined to start by themselves: each function gets the type that it had. */
export const definedVgpus: RestoreStage = (kernel, coming) => {
  const { files } = kernel
  const { definitions, warnings } = vgpuDefinitions.list(files)
  const tasks = definitions
    .filter(
      ({ parent, definition }) => definition.start === 'auto' && (coming.only === undefined || parent === coming.only),
    )
    .map(({ address, parent, definition }) => {
      return {
        kind: 'vgpu' as const,
        parent,
        name: address,
        type: definition.type,
        plannedSteps: () => {
          const { create, attributes } = newVgpu(address, definition.type, definition.attributes)
          return [create, ...attributes]
        },
        isParentThere: () => readVgpuFunction(files, address) !== null,
        canParentCome: () => coming.can(address),
        parentMissing: () => whyNoVgpu(files, address, parent),
        bringUp: (options: ChangeOptions) => startVgpu(kernel, { address }, options),
      }
    })
  return { tasks, warnings }
}

function whyNoVgpu(files: HostFiles, address: PciAddress, card: PciAddress): VfioError {
  if (files.kind(pciPath(card)) !== null) return whyNoVgpus(files, address, card)
  return new VfioError('NOT_FOUND', `its card ${card} is not there: this host has none at that address`, {
    hint: `lspci; vfioctl undefine ${address} forgets it`,
    facts: { parent: card },
  })
}
