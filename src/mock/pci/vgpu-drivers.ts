import { Errno } from '../base/errno.ts'
import { kstrtoull } from '../base/kstrto.ts'
import { roomFor } from '../scenario/parents.ts'
import type { ScenarioVgpus, ScenarioVgpuType } from '../scenario/scenario.ts'
import { type CutGpu, gpuInstanceFor } from './gpu-instances.ts'

/** A virtual function with its card's other ones, as they are at one moment. */
export interface VgpuFunction {
  readonly vgpus: ScenarioVgpus
  /** The type it has, 0 for none. */
  readonly type: number
  /** Types in use on the whole card, this one's too. */
  readonly inUse: readonly number[]
  readonly isOpen: boolean
  /** The card mixes framebuffer sizes. */
  readonly heterogeneous: boolean
  /** The card in MIG mode; null if it is in none. */
  readonly cut: CutGpu | null
}

/** Answers of one of the two drivers for vendor-specific VFIO at its files. */
export interface DriverModel {
  creatable(vf: VgpuFunction): string
  /** The type that the function has after a write of these bytes. */
  store(vf: VgpuFunction, bytes: Buffer): number
}

const header = 'ID    : vGPU Name\n'

function line({ id, name }: ScenarioVgpuType): string {
  return `${String(id).padEnd(5)} : ${name}\n`
}

/** In MiB. */
function framebufferOf({ model }: ScenarioVgpuType): number {
  return model.kind === 'vgpu' ? model.framebufferMiB : 0
}

function typeOf({ types }: ScenarioVgpus, id: number): ScenarioVgpuType | undefined {
  return types.find((type) => type.id === id)
}

/** Number of further vGPUs of a type that fit beside those in use. */
function room({ vgpus, inUse, heterogeneous, cut }: VgpuFunction, type: ScenarioVgpuType): number {
  if ((cut !== null) !== (type.gpuInstance !== undefined)) return 0
  if (cut !== null) return gpuInstanceFor(cut, type) === null ? 0 : 1
  const used = inUse.flatMap((id) => typeOf(vgpus, id) ?? [])
  if (vgpus.oneTypeAtATime && used.some(({ id }) => id !== type.id)) return 0
  const isOneSize = vgpus.heterogeneous !== undefined && !heterogeneous
  if (isOneSize && used.some((other) => framebufferOf(other) !== framebufferOf(type))) return 0
  return roomFor(type.uses, vgpus.capacity, used)
}

/** NVIDIA's own: a type must be given up before the next one, and the GPU's firmware has the say. */
export const proprietaryDriver: DriverModel = {
  creatable(vf) {
    const types = vf.type === 0 ? vf.vgpus.types.filter((type) => room(vf, type) > 0) : []
    return [header, ...types.map(line)].join('')
  },
  store(vf, bytes) {
    const wanted = parseLong(bytes)
    if (wanted === 0) {
      if (vf.type === 0) throw new Errno('EPERM')
      if (vf.isOpen) throw new Errno('EBUSY')
      return 0
    }
    if (vf.type !== 0) throw new Errno('EPERM')
    const type = typeOf(vf.vgpus, wanted)
    if (type === undefined) throw new Errno('EINVAL')
    if (room(vf, type) === 0) throw new Errno('EIO')
    return type.id
  },
}

/** kstrtol, base 10: the firmware knows no negative type. */
function parseLong(bytes: Buffer): number {
  const isNegative = bytes[0] === '-'.charCodeAt(0)
  const value = Number(kstrtoull(isNegative ? bytes.subarray(1) : bytes, { base: 10, bits: 63 }))
  return isNegative ? -value : value
}

/** The one proposed for the kernel: all vGPUs of a card are of one type, and the first one chooses it. */
export const openDriver: DriverModel = {
  creatable(vf) {
    if (vf.type !== 0) return ''
    const [first] = vf.inUse
    if (first === undefined) return [header, ...vf.vgpus.types.map(line)].join('')
    const type = typeOf(vf.vgpus, first)
    return type === undefined || room(vf, type) === 0 ? '' : line(type)
  },
  store(vf, bytes) {
    const wanted = Number(kstrtoull(bytes, { base: 10, bits: 64 }))
    if (vf.isOpen) throw new Errno('EBUSY')
    if (wanted === 0) return 0
    const type = typeOf(vf.vgpus, wanted)
    if (type === undefined) throw new Errno('ENODEV')
    if (vf.inUse.some((id) => id !== type.id)) throw new Errno('EINVAL')
    if (room(vf, type) === 0) throw new Errno('ENOSPC')
    return type.id
  },
}
