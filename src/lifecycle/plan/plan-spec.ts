import { VfioError } from '../../base/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { parseSpec } from '../spec/parse-spec.ts'
import type { Plan } from '../wanted/plan.ts'
import { withCountedInstances } from './count-instances.ts'
import { makePlan } from './make-plan.ts'
import { readAskedStates } from './plan-gpu-modes.ts'

/** A spec, as the text of its file, in YAML or JSON, or as the object that the text would be. */
export type SpecSource = string | object

/** Options for reading a spec from code. */
export interface PlanOptions {
  /** The name of the spec in messages (default: 'spec'). */
  readonly path?: string
  /** The config to take from a file of NVIDIA's vgpu-device-manager. */
  readonly config?: string
}

/** The plan of what would make this host as a spec says. INVALID_SPEC with the place in it that is wrong. */
export async function planSpec(
  kernel: Kernel,
  spec: SpecSource,
  { path = 'spec', config }: PlanOptions = {},
): Promise<Plan> {
  const text = typeof spec === 'string' ? spec : textOf(spec)
  const parsed = await withCountedInstances(kernel, parseSpec(text, path, config))
  return makePlan(kernel, parsed, await readAskedStates(kernel, parsed))
}

function textOf(spec: object): string {
  try {
    return JSON.stringify(spec)
  } catch (cause) {
    throw new VfioError('INVALID_ARGUMENT', 'the spec is an object that JSON cannot hold', { cause })
  }
}
