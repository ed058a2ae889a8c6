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

/** 'MIG off', '4x 1g.24gb+gfx', 'mixed sizes': one for each mode that is given. */
export function modesInWords({ heterogeneous, mig }: GpuModes): string[] {
  const sizes = heterogeneous === undefined ? [] : [heterogeneous ? 'mixed sizes' : 'one size']
  if (mig === undefined) return sizes
  const cut = mig.length === 0 ? ['MIG off'] : mig.map(({ profile, count }) => `${count}x ${profile}`)
  return [...sizes, ...cut]
}
