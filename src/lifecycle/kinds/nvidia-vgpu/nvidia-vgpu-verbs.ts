import type { DeviceVerbs } from '../../device/virtual-device-kind.ts'
import { verbsByName } from '../card-function/function-verbs.ts'
import { defineVgpu, undefineVgpu } from './define-vgpu.ts'
import { modifyVgpu } from './modify-vgpu.ts'
import { definedVgpus } from './restore-vgpus.ts'
import { startVgpu } from './start-vgpu.ts'
import { stopVgpu } from './stop-vgpu.ts'

/** The verbs for NVIDIA's vGPUs. */
export const nvidiaVgpuVerbs: DeviceVerbs = verbsByName({
  define: defineVgpu,
  modify: modifyVgpu,
  undefine: undefineVgpu,
  start: startVgpu,
  stop: stopVgpu,
  restore: definedVgpus,
})
