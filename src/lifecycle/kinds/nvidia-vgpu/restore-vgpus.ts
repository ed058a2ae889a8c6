import { VfioError } from '../../../base/errors.ts'
import type { PciAddress } from '../../../base/units.ts'
import { pciPath } from '../../../host/sriov.ts'
import type { HostFiles } from '../../../kernel/kernel.ts'
import type { RestoreStage } from '../../device/restore-task.ts'
import { definedFunctions } from '../card-function/restore-functions.ts'
import { vgpuDefinitions } from './definitions.ts'
import { newVgpu } from './function-writes.ts'
import { whyNoVgpus } from './place.ts'
import { startVgpu } from './start-vgpu.ts'
import { readVgpuFunction } from './vgpu-functions.ts'

/** The vendor vGPUs that are defined to start by themselves: each function gets the type that it had. */
export const definedVgpus: RestoreStage = definedFunctions({
  kind: 'vgpu',
  stored: vgpuDefinitions,
  isThere: ({ files }, { address }) => readVgpuFunction(files, address) !== null,
  missing: ({ files }, { address, parent }) => whyNoVgpu(files, address, parent),
  plannedSteps({ address, definition: { type, attributes: asked } }) {
    const { create, attributes } = newVgpu(address, type, asked)
    return [create, ...attributes]
  },
  start: (kernel, { address }, options) => startVgpu(kernel, { address }, options),
})

function whyNoVgpu(files: HostFiles, address: PciAddress, card: PciAddress): VfioError {
  if (files.kind(pciPath(card)) !== null) return whyNoVgpus(files, address, card)
  return new VfioError('NOT_FOUND', `its card ${card} is not there: this host has none at that address`, {
    hint: `lspci; vfioctl undefine ${address} forgets it`,
    facts: { parent: card },
  })
}
