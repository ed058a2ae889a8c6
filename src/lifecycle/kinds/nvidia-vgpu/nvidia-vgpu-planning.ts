import { type PciAddress, parsePciAddress } from '../../../base/units.ts'
import { isSriovGpu } from '../../../host/nvidia-gpu.ts'
import type { DevicePlanning } from '../../wanted/device-planning.ts'
import type { ParentPlace } from '../../wanted/parent-place.ts'
import { parentsOf } from '../mdev/mdev-places.ts'
import { vgpuCards } from './place.ts'
import { carryOutVgpu } from './plan-carry-out.ts'
import { vgpuRoomFault } from './plan-room.ts'
import { planVgpus } from './plan-vgpus.ts'
import type { VgpuIdentity } from './vgpu-identity.ts'

/** NVIDIA's vGPUs in a plan. */
export const nvidiaVgpuPlanning: DevicePlanning<VgpuIdentity> = {
  kind: 'vgpu',
  noun: 'vGPU',
  namedBy: 'function',
  asksScripts: false,
  placeNamed: (_, name) => ofVgpus(parsePciAddress(name)),
  places: (files, fits) => vgpuCards(files).map(ofVgpus).filter(fits),
  placeToCome(files, address, card) {
    return parentsOf(files, address).length === 0 && isSriovGpu(files, card) ? ofVgpus(address) : null
  },
  // their parent is the card itself
  cardOf: (_, parent) => parent,
  plan: planVgpus,
  roomFault: vgpuRoomFault,
  leavesDrivers: false,
  writesBeforeFunctions: () => [],
  carryOut: carryOutVgpu,
}

function ofVgpus(address: PciAddress): ParentPlace {
  return { kind: 'vgpu', name: address, parents: [address] }
}
