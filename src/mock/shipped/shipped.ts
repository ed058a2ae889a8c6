import type { Scenario } from '../scenario/scenario.ts'
import { a40Host } from './a40-host.ts'
import { arcPro } from './arc-pro.ts'
import { blackwell } from './blackwell.ts'
import { demo } from './demo.ts'
import { gpuHost } from './gpu-host.ts'
import { instinct } from './instinct.ts'
import { mainframe } from './mainframe.ts'
import type { ScenarioName } from './names.ts'

/** The scenarios that ship, by their names. */
export const shipped: Readonly<Record<ScenarioName, Scenario>> = {
  demo,
  'gpu-host': gpuHost,
  'a40-host': a40Host,
  blackwell,
  'arc-pro': arcPro,
  instinct,
  mainframe,
}
