import type { ProgramEnd } from '../../kernel/kernel.ts'
import { pciDraft, pciRecord } from '../pci/devices.ts'
import { placeFor } from '../pci/gpu-instances.ts'
import type { ScenarioMig } from '../scenario/scenario.ts'
import type { Snapshot } from '../state/state.ts'
import type { Gpu } from './gpu-query.ts'
import { instancesTable, profilesTable } from './nvidia-smi-tables.ts'
import { done, failed, type NvmlError, nvmlWords } from './nvml-status.ts'

const wrong = failed('INVALID_ARGUMENT', 'Invalid combination of input arguments.\n')

/** `nvidia-smi mig`. A card that is not in MIG mode is none of those that it knows. */
export function migCommand(gpu: Gpu, option: string, list: string | undefined, more: readonly string[]): ProgramEnd {
  const { mig } = gpu.device.vgpus ?? {}
  if (mig === undefined || !recordOf(gpu).mig) return failed('NOT_FOUND', 'No MIG-enabled devices found.\n')
  if (option === '-cgi' && list !== undefined && more.join() === '-C') return create(gpu, mig, list.split(','))
  if (list !== undefined || more.length > 0) return wrong
  if (option === '-lgip') return done(profilesTable(gpu, mig, recordOf(gpu).gpuInstances))
  if (!['-lgi', '-dci', '-dgi'].includes(option)) return wrong
  if (recordOf(gpu).gpuInstances.length === 0) return failed('NOT_FOUND', 'No GPU instances found: Not Found\n')
  if (option === '-lgi') return done(instancesTable(gpu, mig, recordOf(gpu).gpuInstances))
  if (option === '-dci') return destroyCompute(gpu)
  return destroy(gpu)
}

function recordOf({ machine, device }: Gpu): Snapshot['pci'][string] {
  return pciRecord(machine.store.read(), device)
}

function shownIndex({ index }: Gpu): string {
  return String(index).padStart(2)
}

function shownId(id: number): string {
  return String(id).padStart(2)
}

/** One after the other, in the order of the list: the first that has no room is the end, and those before it stay. */
function create(gpu: Gpu, { profiles, ...mig }: ScenarioMig, names: readonly string[]): ProgramEnd {
  const lines: string[] = []
  for (const name of names) {
    const profile = profiles.find(({ id, name: its }) => String(id) === name || its === name)
    const refused = (error: NvmlError) => {
      const words = nvmlWords[error]
      const what = `Unable to create a GPU instance on GPU ${shownIndex(gpu)} using profile ${name}: ${words}\n`
      return failed(error, `${lines.join('')}${what}Failed to create GPU instances: ${words}\n`)
    }
    if (profile === undefined) return refused('INVALID_ARGUMENT')
    const place = placeFor({ profiles, ...mig }, recordOf(gpu).gpuInstances, profile)
    if (place === null) return refused('INSUFFICIENT_RESOURCES')
    gpu.machine.store.update((draft) => {
      const record = pciDraft(draft, gpu.device)
      record.gpuInstances = [...record.gpuInstances, { ...place, profile: profile.id, hasCompute: true }]
    })
    const using = `using profile MIG ${profile.name}`
    lines.push(
      `Successfully created GPU instance ID ${shownId(place.id)} on GPU ${shownIndex(gpu)} ${using} (ID ${shownId(profile.id)})\n`,
      `Successfully created compute instance ID  0 on GPU ${shownIndex(gpu)} GPU instance ID ${shownId(place.id)} ${using} (ID  0)\n`,
    )
  }
  return done(lines.join(''))
}

function destroyCompute(gpu: Gpu): ProgramEnd {
  const { gpuInstances } = recordOf(gpu)
  const its = gpuInstances.filter(({ hasCompute }) => hasCompute)
  if (its.length === 0) return failed('NOT_FOUND', 'No compute instances found: Not Found\n')
  const used = its.find(({ id }) => isUsed(gpu, id))
  if (used !== undefined) {
    const what = `Unable to destroy compute instance ID  0 from GPU ${shownIndex(gpu)} GPU instance ID ${shownId(used.id)}: ${nvmlWords.IN_USE}\n`
    return failed('IN_USE', `${what}Failed to destroy compute instances: ${nvmlWords.IN_USE}\n`)
  }
  gpu.machine.store.update((draft) => {
    for (const instance of pciDraft(draft, gpu.device).gpuInstances) instance.hasCompute = false
  })
  return done(
    its
      .map(
        ({ id }) =>
          `Successfully destroyed compute instance ID  0 from GPU ${shownIndex(gpu)} GPU instance ID ${shownId(id)}\n`,
      )
      .join(''),
  )
}

/** One with a compute instance is in use, be that by nobody. */
function destroy(gpu: Gpu): ProgramEnd {
  const { gpuInstances } = recordOf(gpu)
  const used = gpuInstances.find(({ hasCompute }) => hasCompute)
  if (used !== undefined) {
    const what = `Unable to destroy GPU instance ID ${shownId(used.id)} from GPU ${shownIndex(gpu)}: ${nvmlWords.IN_USE}\n`
    return failed('IN_USE', `${what}Failed to destroy GPU instances: ${nvmlWords.IN_USE}\n`)
  }
  gpu.machine.store.update((draft) => {
    pciDraft(draft, gpu.device).gpuInstances = []
  })
  return done(
    gpuInstances
      .map(({ id }) => `Successfully destroyed GPU instance ID ${shownId(id)} from GPU ${shownIndex(gpu)}\n`)
      .join(''),
  )
}

function isUsed({ machine, device }: Gpu, instance: number): boolean {
  const { pci } = machine.store.read()
  return pciRecord(machine.store.read(), device).vfs.some((vf) => pci[vf]?.gpuInstance === instance)
}
