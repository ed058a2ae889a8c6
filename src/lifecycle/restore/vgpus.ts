import { readVgpuFunction } from '../../host/vgpu-functions.ts'
import type { ChangeOptions } from '../change.ts'
import { readVgpuDefinitions } from '../vgpu/definitions.ts'
import { newVgpu } from '../vgpu/function-writes.ts'
import { whyNoVgpus } from '../vgpu/place.ts'
import { startVgpu } from '../vgpu/start-vgpu.ts'
import type { RestoreStage } from './task.ts'

/** The vendor vGPUs that are defined to start by themselves: each function gets the type that it had. */
export const definedVgpus: RestoreStage = (kernel, only) => {
  const { files } = kernel
  const { definitions, warnings } = readVgpuDefinitions(files)
  const tasks = definitions
    .filter(({ parent, definition }) => definition.start === 'auto' && (only === undefined || parent === only))
    .map(({ address, parent, definition }) => ({
      kind: 'vgpu' as const,
      parent,
      name: address,
      type: definition.type,
      plannedSteps: () => {
        const { create, attributes } = newVgpu(address, definition.type, definition.attributes)
        return [create, ...attributes]
      },
      isParentThere: () => readVgpuFunction(files, address) !== null,
      parentMissing: () => whyNoVgpus(files, address, parent),
      bringUp: (options: ChangeOptions) => startVgpu(kernel, { address }, options),
    }))
  return { tasks, warnings }
}
