import * as v from 'valibot'
import { pciId } from './bindings.ts'
import { Settings } from './settings.ts'

/** GPU instances of one size. */
export interface MigInstances {
  /** As `nvidia-smi mig -lgip` lists it: '1g.24gb+gfx', or its number '47'. */
  readonly profile: string
  readonly count: number
}

/** Modes of a GPU of NVIDIA's that decide which vGPUs it takes. What is absent stays as it is. */
export interface GpuModes {
  /** vGPUs of several framebuffer sizes beside each other. */
  readonly heterogeneous?: boolean
  /** GPU instances (MIG) to cut it into, made in this order; none if MIG mode is to be off. */
  readonly mig?: readonly MigInstances[]
}

/** Modes that a card is to have at every boot, with its ids as sysfs shows them. */
export interface KeptGpuModes extends GpuModes {
  readonly vendor: string
  readonly device: string
}

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

/** 'MIG off', '4x 1g.24gb+gfx', 'mixed sizes': one for each mode that is given. */
export function modesInWords({ heterogeneous, mig }: GpuModes): string[] {
  const sizes = heterogeneous === undefined ? [] : [heterogeneous ? 'mixed sizes' : 'one size']
  if (mig === undefined) return sizes
  const cut = mig.length === 0 ? ['MIG off'] : mig.map(({ profile, count }) => `${count}x ${profile}`)
  return [...sizes, ...cut]
}
