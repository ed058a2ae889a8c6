/** `vfioctl/mock`: a simulated kernel, for tests without hardware or root. */
export type { Kernel } from './kernel/kernel.ts'
export { createMockKernel, type MockKernelOptions } from './mock/mock-kernel.ts'
export { readScenario } from './mock/read-scenario.ts'
export type {
  Scenario,
  ScenarioAttribute,
  ScenarioMdevType,
  ScenarioModel,
  ScenarioParent,
  ScenarioPciDevice,
  ScenarioPciFunction,
} from './mock/scenario.ts'
export { mockStateDirectory, resetMock } from './mock/state/state-directory.ts'
