import type { PciAddress } from '../../base/units.ts'
import { boundDriver } from '../../host/group-members.ts'
import { pciPath, readPhysicalFunction } from '../../host/sriov.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import type { Step } from '../change/change.ts'
import { isHalfConfigured } from '../device/half-configured.ts'
import { type GpuState, readGpuState } from '../gpu-modes/gpu-state.ts'
import { keepModesSteps, keptModes, mergedModes, modesToKeep } from '../gpu-modes/keep-modes.ts'
import { afterFunctions, migSteps, migWish, vgpuModeSteps } from '../gpu-modes/mode-steps.ts'
import { isHalfCut } from '../gpu-modes/reach-modes.ts'
import { plannedUses } from '../in-use/pci-use.ts'
import { type GpuModes, modesInWords } from '../settings/gpu-modes.ts'
import { choosePci } from '../spec/choose-pci.ts'
import { functionUses } from '../sriov/check-unused.ts'
import { invalidSpec, type Place } from '../wanted/invalid-spec.ts'
import type { PlannedGpuModes, PlannedSriov } from '../wanted/plan.ts'
import type { Spec } from '../wanted/spec.ts'
import { pciChoice } from './plan-sriov.ts'

/** Modes of GPUs as nvidia-smi tells them. What a host cannot tell is absent: it is set at its own next boot. */
export type GpuStates = ReadonlyMap<PciAddress, GpuState>

interface AskedModes {
  readonly card: PciAddress
  readonly modes: GpuModes
  readonly at: Place | null
}

/** The states of those cards of which a spec asks for modes: the only part of a host that no file tells. */
export async function readAskedStates(kernel: Kernel, spec: Spec): Promise<GpuStates> {
  const states = new Map<PciAddress, GpuState>()
  if (!kernel.runsPrograms) return states
  for (const { card } of askedModes(kernel.files, spec)) {
    // sriov-manage was killed: without its driver, nvidia-smi knows nothing of it
    if (isHalfConfigured(kernel.files, card) && boundDriver(kernel.files, `${pciPath(card)}/driver`) !== 'nvidia')
      continue
    states.set(card, await readGpuState(kernel, card))
  }
  return states
}

/** INVALID_SPEC for two different wishes for one card; NOT_SUPPORTED for a card that has no such modes. */
function askedModes(files: HostFiles, { path, parents }: Spec): AskedModes[] {
  const asked = new Map<PciAddress, AskedModes>()
  for (const { at, choice, sriov, modes: said } of parents) {
    // functions that are made anew lose what is kept of their card
    if (Object.keys(said).length === 0 && sriov === null) continue
    for (const card of choosePci(files, pciChoice(choice, path, at))) {
      const modes = mergedModes(keptModes(files, card), said)
      if (Object.keys(modes).length === 0) continue
      modesToKeep(files, card, modes)
      const other = asked.get(card)
      if (other !== undefined && modesInWords(other.modes).join() !== modesInWords(modes).join()) {
        throw invalidSpec(path, card, 'is to have two different modes: say it once', at)
      }
      asked.set(card, { card, modes, at })
    }
  }
  return [...asked.values()]
}

/** The changes that bring cards into MIG mode or out of it, for which their functions go. */
export function planMigModes(files: HostFiles, spec: Spec, states: GpuStates): PlannedGpuModes[] {
  return askedModes(files, spec).flatMap(({ card, modes, at }) => {
    const on = migWish(modes)
    if (on === null) return []
    const physical = readPhysicalFunction(files, card)
    const state = states.get(card)
    const steps = state === undefined ? [] : migSteps(card, state, on, physical?.count ?? 0)
    // a card without its driver has to get it first, and tells its mode then
    const isHalf = state === undefined && isHalfConfigured(files, card)
    const isChange = steps.length > 0 || isHalf
    const reason = isHalf
      ? 'was left half set up'
      : isChange
        ? `MIG mode is ${on ? 'off' : 'on'}`
        : 'is as it should be'
    const uses = isChange && physical !== null ? functionUses(files, physical) : []
    return [plannedPart('mig-mode', { card, modes, at }, isChange, { reason, steps, ...plannedUses(uses) })]
  })
}

function plannedPart(
  part: PlannedGpuModes['part'],
  { card, ...asked }: AskedModes,
  isChange: boolean,
  what: Pick<PlannedGpuModes, 'reason' | 'steps' | 'uses' | 'ends'>,
): PlannedGpuModes {
  return { kind: 'gpu-modes', part, ...asked, device: card, action: isChange ? 'change' : 'keep', ...what }
}

/** The cards that lose their functions with their MIG mode. */
export function cardsWithoutFunctions(mig: readonly PlannedGpuModes[]): Set<PciAddress> {
  return new Set(mig.filter(({ action }) => action === 'change').map(({ device }) => device))
}

/**
 * The changes to what comes with the functions: GPU instances, mixed sizes. Those go whenever the functions are made.
 */
export function planVgpuModes(
  files: HostFiles,
  spec: Spec,
  states: GpuStates,
  sriov: readonly PlannedSriov[],
): PlannedGpuModes[] {
  return askedModes(files, spec).map(({ card, modes, at }) => {
    const functions = sriov.find(({ device }) => device === card)
    const anew = functions?.makesAnew === true
    const state = states.get(card)
    const programs = state === undefined || functions?.count === 0 ? [] : programsOf(files, card, state, modes, anew)
    const steps: Step[] = [...programs, ...keepModesSteps(files, card, modes)]
    const isHalf = state === undefined && isHalfConfigured(files, card)
    const isChange = steps.length > 0 || isHalf
    const physical = readPhysicalFunction(files, card)
    const isTouched = programs.length > 0 && !anew && physical !== null
    const uses = isTouched ? functionUses(files, physical) : []
    const reason = reasonOf(programs.length > 0 || isHalf, isChange, anew, state)
    return plannedPart('vgpu-modes', { card, modes, at }, isChange, { reason, steps, ...plannedUses(uses) })
  })
}

function programsOf(files: HostFiles, card: PciAddress, state: GpuState, modes: GpuModes, anew: boolean): Step[] {
  const then = anew ? afterFunctions(state, modes) : state
  return vgpuModeSteps(card, then, modes, !anew && isHalfCut({ files }, card))
}

function reasonOf(isSet: boolean, isChange: boolean, anew: boolean, state: GpuState | undefined): string {
  if (!isChange) return 'is as it should be'
  if (!isSet) return 'is not kept for the next boot'
  if (anew) return 'is lost when its functions are made'
  if (state?.mig?.current === true) {
    return `has the GPU instances ${state.instances.map(({ profile }) => profile).join(', ') || 'none'}`
  }
  return state?.heterogeneous === true ? 'mixes sizes' : 'takes one size at a time'
}

/** Virtual functions, with those of which anything else is made once a card's modes have changed: they come anew. */
export function withModesChanged(
  sriov: readonly PlannedSriov[],
  modes: readonly PlannedGpuModes[],
): readonly PlannedSriov[] {
  const changed = new Set(
    modes.filter(({ steps }) => steps.some(({ action }) => action === 'run')).map(({ device }) => device),
  )
  return sriov.map((item) => (changed.has(item.device) ? { ...item, makesAnew: true } : item))
}
