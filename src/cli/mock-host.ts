import { kernelAnswer, VfioError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { failedWith } from '../kernel/system-error.ts'
import { createMockKernel } from '../mock/mock-kernel.ts'
import type { Scenario } from '../mock/scenario.ts'
import { mockStateDirectory, resetMock } from '../mock/state/state-directory.ts'
import { printable } from '../units.ts'
import type { Io } from './io.ts'
import { defaultMock } from './options.ts'

/** A simulated host that outlives the command: `demo`, or what a scenario file describes. */
export async function openMock(name: string, io: Io): Promise<Kernel> {
  const scenario = await scenarioNamed(name, io)
  return createMockKernel(scenario, { stateDirectory: stateDirectory(scenario, io) })
}

/** Forgets what was done on a simulated host, and says where that was kept. */
export async function forgetMock(name: string, io: Io, dryRun: boolean): Promise<string> {
  const directory = stateDirectory(await scenarioNamed(name, io), io)
  if (!dryRun) resetMock(directory)
  return directory
}

function stateDirectory(scenario: Scenario | typeof defaultMock, io: Io): string {
  return mockStateDirectory(typeof scenario === 'string' ? scenario : scenario.name, io.env)
}

async function scenarioNamed(name: string, io: Io): Promise<Scenario | typeof defaultMock> {
  if (name === defaultMock) return name
  const { readScenario } = await import('../mock/read-scenario.ts')
  let text: string
  try {
    text = io.readFile(name)
  } catch (error) {
    const missing = failedWith(error, 'ENOENT')
    throw new VfioError(
      missing ? 'NOT_FOUND' : 'SYSTEM_CALL_FAILED',
      `no simulated host '${printable(name)}': ${kernelAnswer(error)}`,
      { cause: error, hint: `--mock=${defaultMock}, or a scenario file` },
    )
  }
  return readScenario(text, name)
}
