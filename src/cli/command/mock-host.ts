import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { rebootMock } from '../../mock/kernel/machine-state.ts'
import { createMockKernel } from '../../mock/kernel/mock-kernel.ts'
import { loadScenario } from '../../mock/shipped/load-scenario.ts'
import { mockStateDirectory, resetMock } from '../../mock/state/state-directory.ts'
import type { Io } from '../io/io.ts'

/** A simulated host that outlives the command: one that ships, or what a scenario file describes. */
export function openMock(nameOrFile: string, io: Io): Kernel {
  const scenario = loadScenario(nameOrFile, io.readFile)
  return createMockKernel(scenario, { stateDirectory: mockStateDirectory(scenario.name, io.env) })
}

/** A simulated host that begins anew. */
export interface Restarted {
  /** The folder of its state. */
  readonly directory: string
  /** False if nothing was ever done on it, and so nothing was to forget. */
  readonly changed: boolean
}

/** Forgets what was done on a simulated host, or only what a reboot takes. */
export function restartMock(action: 'reset' | 'reboot', nameOrFile: string, io: Io, dryRun: boolean): Restarted {
  const scenario = loadScenario(nameOrFile, io.readFile)
  if (scenario.recorded !== undefined) {
    throw new VfioError('NOT_SUPPORTED', `${printable(nameOrFile)} was recorded of a host: nothing is ever done on it`)
  }
  const directory = mockStateDirectory(scenario.name, io.env)
  if (dryRun) return { directory, changed: true }
  if (action === 'reset') return { directory, changed: resetMock(directory) }
  rebootMock(directory, scenario)
  return { directory, changed: true }
}
