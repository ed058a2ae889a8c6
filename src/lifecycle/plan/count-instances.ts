import type { PciAddress } from '../../base/units.ts'
import { isNvidiaGpu } from '../../host/nvidia-gpu.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { isMigBacked } from '../device/mig.ts'
import { isTypeNamed } from '../device/type-named.ts'
import { readGpuState } from '../gpu-modes/gpu-state.ts'
import { keptModes } from '../gpu-modes/keep-modes.ts'
import { type MigType, readMigTypes } from '../gpu-modes/supported-types.ts'
import type { MigInstances } from '../settings/gpu-modes.ts'
import { choosePci } from '../spec/choose-pci.ts'
import { invalidSpec } from '../wanted/invalid-spec.ts'
import type { Spec, SpecDevices, SpecParent } from '../wanted/spec.ts'
import { pciChoice } from './plan-sriov.ts'

/**
 * A spec with the GPU instances that its vGPUs take, where it has their functions made and does not say how the card is
 * cut: as many of a profile as vGPUs of one framebuffer size need, for an instance carries one size. Instances that are
 * there stay if they are enough, and a layout that is kept by the names of profiles is nobody's to count.
 */
export async function withCountedInstances(kernel: Kernel, spec: Spec): Promise<Spec> {
  if (!kernel.runsPrograms) return spec
  const parents: SpecParent[] = []
  for (const parent of spec.parents) {
    const mig = isToCount(parent) ? await layoutFor(kernel, spec.path, parent) : null
    parents.push(mig === null ? parent : { ...parent, modes: { ...parent.modes, mig } })
  }
  return { ...spec, parents }
}

function isToCount({ sriov, modes, devices }: SpecParent): boolean {
  if (sriov === null || sriov.count === 0 || modes.mig !== undefined || modes.heterogeneous === true) return false
  return devices.some((each) => typesOf(each).some((name) => isMigBacked({ name })))
}

function typesOf({ type, otherTypes }: SpecDevices): readonly string[] {
  return [type, ...otherTypes]
}

/** Null if nothing is to be cut, or said. */
async function layoutFor(kernel: Kernel, path: string, parent: SpecParent): Promise<MigInstances[] | null> {
  const cards = choosePci(kernel.files, pciChoice(parent.choice, path, parent.at))
  const layouts: (MigInstances[] | null)[] = []
  for (const card of cards) layouts.push(await layoutOf(kernel, path, parent, card))
  const [first = null] = layouts
  const other = layouts.findIndex((layout) => JSON.stringify(layout) !== JSON.stringify(first))
  if (other === -1) return first
  throw invalidSpec(
    path,
    cards.join(', '),
    'need different GPU instances: name each card by itself, or say mig',
    parent.at,
  )
}

async function layoutOf(
  kernel: Kernel,
  path: string,
  { devices }: SpecParent,
  card: PciAddress,
): Promise<MigInstances[] | null> {
  const { files } = kernel
  if (!isNvidiaGpu(files, card) || isKeptByName(files, card)) return null
  const types = await readMigTypes(kernel, card)
  const needed = neededInstances(path, card, devices, types)
  const { instances } = await readGpuState(kernel, card)
  const there = counted(instances.map(({ profileId }) => profileId))
  const kept = keptModes(files, card).mig
  if (kept !== undefined && covers(countsOf(kept), needed)) return null
  return shown(covers(there, needed) ? there : needed)
}

/** As somebody has said it: numbers alone are as they are counted here. */
function isKeptByName(files: HostFiles, card: PciAddress): boolean {
  return (keptModes(files, card).mig ?? []).some(({ profile }) => !/^\d+$/.test(profile))
}

/** The numbers of instances by the numbers of their profiles. */
type Counts = ReadonlyMap<number, number>

function neededInstances(
  path: string,
  card: PciAddress,
  devices: readonly SpecDevices[],
  types: readonly MigType[],
): Counts {
  const groups = new Map<string, { profileId: number; perInstance: number; vgpus: number }>()
  for (const each of devices) {
    const name = typesOf(each).find((it) => isMigBacked({ name: it })) ?? each.type
    const found = types.find((type) => isTypeNamed(type, name))
    if (found === undefined) throw invalidSpec(path, name, whyNone(card, name), each.at)
    const { profileId, perInstance, framebufferMiB } = found
    const key = `${profileId} ${framebufferMiB}`
    const group = groups.get(key) ?? { profileId, perInstance, vgpus: 0 }
    group.vgpus += 'count' in each.wanted ? each.wanted.count : 1
    groups.set(key, group)
  }
  const counts = new Map<number, number>()
  for (const { profileId, perInstance, vgpus } of groups.values()) {
    counts.set(profileId, (counts.get(profileId) ?? 0) + Math.ceil(vgpus / perInstance))
  }
  return counts
}

function whyNone(card: PciAddress, name: string): string {
  return isMigBacked({ name })
    ? `is no type of ${card} that takes a GPU instance: nvidia-smi vgpu -s -v -i ${card} lists those`
    : `takes no GPU instance, and other types that ${card} is to carry do: a card has one or the other`
}

function counted(profiles: readonly number[]): Counts {
  const counts = new Map<number, number>()
  for (const id of profiles) counts.set(id, (counts.get(id) ?? 0) + 1)
  return counts
}

function countsOf(mig: readonly MigInstances[]): Counts {
  return counted(mig.flatMap(({ profile, count }) => Array.from({ length: count }, () => Number(profile))))
}

function covers(there: Counts, needed: Counts): boolean {
  return [...needed].every(([profile, count]) => (there.get(profile) ?? 0) >= count)
}

/**
 * The largest first, as the driver finds room for them best: their numbers fall as they grow (47, 35, 32; 19, 14, 9, 5,
 * 0).
 */
function shown(counts: Counts): MigInstances[] {
  return [...counts]
    .filter(([, count]) => count > 0)
    .sort(([a], [b]) => a - b)
    .map(([profile, count]) => ({ profile: String(profile), count }))
}
