import type { VgpuIdentity } from '../../change/device-identity.ts'
import type { DevicePlanning } from '../../wanted/device-planning.ts'
import { carryOutVgpu } from './plan-carry-out.ts'
import { vgpuRoomFault } from './plan-room.ts'
import { planVgpus } from './plan-vgpus.ts'

/** NVIDIA's vGPUs in a plan. */
export const nvidiaVgpuPlanning: DevicePlanning<VgpuIdentity> = {
  kind: 'vgpu',
  noun: 'vGPU',
  // their parent is the card itself
  cardOf: (_, parent) => parent,
  plan: planVgpus,
  roomFault: vgpuRoomFault,
  carryOut: carryOutVgpu,
}
