import type { Kernel } from '../../kernel/kernel.ts'
import { createMockKernel } from '../mock-kernel.ts'
import type { Scenario } from '../scenario.ts'
import { demo } from '../scenarios/demo.ts'
import { Clock } from './clock.ts'
import { modelName, type RegisteredModel, withModels } from './registered-model.ts'

export interface MockHostOptions {
  /** Device models of the caller's own. */
  readonly models?: readonly RegisteredModel[]
}

/**
 * A simulated host for tests. Each is a machine of its own: nothing is shared, nothing of this machine is touched, and
 * tests that have one each can run at the same time.
 */
export function createMockHost(scenario: 'demo' | Scenario = 'demo', options: MockHostOptions = {}): MockHost {
  const { models = [] } = options
  const machine = withModels(scenario === 'demo' ? demo : scenario, models)
  const clock = new Clock()
  const kernel = createMockKernel(machine, {
    clock,
    models: new Map(models.map((model) => [modelName(model), model.make])),
  })
  return { kernel, clock }
}

export interface MockHost {
  /** For `new Host(kernel)`, and for whatever takes a `Kernel`. */
  readonly kernel: Kernel
  /** The machine's time: held and moved on by a test, or left to go with the real one. */
  readonly clock: Clock
}
