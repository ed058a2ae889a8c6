import type { DeviceIdentity } from '../change/device-identity.ts'
import type { DevicePlanning } from '../wanted/device-planning.ts'
import { mdevPlanning } from './mdev/mdev-planning.ts'
import { nvidiaVgpuPlanning } from './nvidia-vgpu/nvidia-vgpu-planning.ts'
import { xePlanning } from './xe-vf/xe-planning.ts'

/** The planning of each kind, in the order of `kinds`. */
export const plannings: readonly DevicePlanning[] = [mdevPlanning, nvidiaVgpuPlanning, xePlanning]

/** That of a device's kind. */
export function planningOf({ kind }: Pick<DeviceIdentity, 'kind'>): DevicePlanning {
  const found = plannings.find((planning) => planning.kind === kind)
  if (found === undefined) throw new TypeError(`no planning of the kind ${kind}`)
  return found
}
