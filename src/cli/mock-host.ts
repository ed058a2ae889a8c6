import type { Kernel } from '../kernel/kernel.ts'
import { loadScenario } from '../mock/load-scenario.ts'
import { createMockKernel } from '../mock/mock-kernel.ts'
import { mockStateDirectory, resetMock } from '../mock/state/state-directory.ts'
import type { Io } from './io.ts'

/** A simulated host that outlives the command: one that ships, or what a scenario file describes. */
export function openMock(nameOrFile: string, io: Io): Kernel {
  const scenario = loadScenario(nameOrFile, io.readFile)
  return createMockKernel(scenario, { stateDirectory: mockStateDirectory(scenario.name, io.env) })
}

/** Forgets what was done on a simulated host, and says where that was kept. */
export function forgetMock(nameOrFile: string, io: Io, dryRun: boolean): string {
  const directory = mockStateDirectory(loadScenario(nameOrFile, io.readFile).name, io.env)
  if (!dryRun) resetMock(directory)
  return directory
}
