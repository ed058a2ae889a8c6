import * as v from 'valibot'
import { pciId } from './bindings.ts'
import type { KeptGpuModes } from './gpu-modes.ts'
import { Settings } from './settings.ts'

/** GPU instances on one card: NVIDIA's cards have seven at most. */
const mostInstances = 32

/** The schema of one entry of a MIG layout. */
export const migProfile: v.GenericSchema<string, string> = v.pipe(
  v.string(),
  v.regex(
    /^(?:\d{1,3}|\d{1,2}g\.\d{1,4}gb(?:[+-][a-z][a-z.]{0,15})*)$/,
    'must be a profile of MIG such as 1g.24gb+gfx',
  ),
)
/** Number of GPU instances of one profile. */
export const migCount: v.GenericSchema<number, number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(1),
  v.maxValue(mostInstances),
)

const schema: v.GenericSchema<unknown, KeptGpuModes> = v.strictObject({
  heterogeneous: v.exactOptional(v.boolean()),
  mig: v.exactOptional(
    v.pipe(v.array(v.strictObject({ profile: migProfile, count: migCount })), v.maxLength(mostInstances)),
  ),
  vendor: pciId,
  device: pciId,
})

/** /etc/vfioctl.d/gpu-modes/ADDRESS.json: nothing in NVIDIA's driver keeps them over a boot. */
export const gpuModeSettings: Settings<KeptGpuModes> = new Settings('gpu-modes', 'modes of a GPU', schema)
