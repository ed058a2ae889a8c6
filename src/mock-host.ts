import { VfioError } from './base/errors.ts'
import { Host } from './host.ts'
import type { Kernel } from './kernel/kernel.ts'
import { traced } from './kernel/trace/traced-kernel.ts'
import { Clock } from './mock/base/clock.ts'
import type { KernelVersion } from './mock/base/kernel-traits.ts'
import { Faults } from './mock/controls/faults.ts'
import { Inspection, MachineLog, type RaisedInterrupt } from './mock/controls/inspection.ts'
import {
  modelName,
  type RegisteredFunction,
  type RegisteredModel,
  withFunctions,
  withModels,
} from './mock/controls/registered-model.ts'
import { MockKernel } from './mock/kernel/mock-kernel.ts'
import type { Machine } from './mock/machine/machine.ts'
import type { Call } from './mock/machine/machine-observer.ts'
import type { Scenario } from './mock/scenario/scenario.ts'
import type { DeviceModel } from './mock/sdk/device-model.ts'
import type { ScenarioName } from './mock/shipped/names.ts'
import { shipped } from './mock/shipped/shipped.ts'
import { pciKey } from './mock/state/state.ts'

/** Options of a simulated host, beside its scenario. */
export interface MockHostOptions {
  /** Device models of the caller's own. */
  readonly models?: readonly RegisteredModel[]
  /** Likewise of PCI functions. */
  readonly functions?: readonly RegisteredFunction[]
  /** Version of Linux that it answers as; the scenario's if absent. */
  readonly kernel?: KernelVersion
  /**
   * The directory of the machine's state, for all processes that name the same directory, as the command line's
   * `--mock` does (`mockStateDirectory`). In memory if absent.
   */
  readonly stateDirectory?: string
}

/**
 * A simulated host for tests. Each is a machine of its own: nothing is shared, nothing of this machine is touched, and
 * tests that have one each can run at the same time. It lives in memory, and ends with its `host()`, or with its
 * kernel's `dispose`.
 *
 * It tests the code that runs on it, not hardware: what a device does here says nothing of the real one.
 */
export function createMockHost(scenario: ScenarioName | Scenario = 'demo', options: MockHostOptions = {}): MockHost {
  return new MockHost(typeof scenario === 'string' ? shipped[scenario] : scenario, options)
}

/** A simulated host for tests: its kernel, clock, faults and what can be looked at inside. */
export class MockHost {
  /** For whatever takes a `Kernel`. */
  readonly kernel: Kernel
  /** The machine's time: held and moved on by a test, or left to go with the real one. */
  readonly clock: Clock = new Clock()
  /** Calls that are to fail, or to take long. */
  readonly faults: Faults = new Faults(this.clock)
  readonly inspect: Inspection
  readonly #machine: Machine
  #host: Host | null = null

  constructor(scenario: Scenario, { models = [], functions = [], kernel: version, stateDirectory }: MockHostOptions) {
    const whole = withFunctions(withModels(scenario, models), functions)
    if (scenario.recorded !== undefined) {
      throw new VfioError('NOT_SUPPORTED', 'a host that was recorded cannot be simulated, only read', {
        hint: 'openHost({ mock }) reads it',
      })
    }
    const machine = version === undefined ? whole : { ...whole, kernel: version }
    const log = new MachineLog(this.clock)
    const observer = {
      called: (call: Call) => {
        log.called(call)
        this.faults.meet(call)
      },
      raised: (interrupt: Omit<RaisedInterrupt, 'at'>) => log.raised(interrupt),
    }
    const kernel = new MockKernel(machine, {
      ...(stateDirectory === undefined ? {} : { stateDirectory }),
      clock: this.clock,
      models: new Map(models.map((model) => [modelName(model), model.make])),
      functions: new Map(functions.map(({ address, make }) => [address, make])),
      observer,
    })
    this.kernel = traced(kernel)
    this.#machine = kernel.machine
    this.inspect = new Inspection(kernel.machine, log)
  }

  /** The library's host on this machine, as `openHost()` gives one on a real machine: the same one each time. */
  host(): Host {
    this.#host ??= new Host(this.kernel)
    return this.#host
  }

  /**
   * Has a device that is open raise an interrupt again and again, `times` in a row. RangeError for a device that is not
   * open, or has no such interrupt.
   */
  storm(device: string, { index, vector = 0, times }: { index: number; vector?: number; times: number }): void {
    const model = this.#openModel(device)
    if (model?.raise === undefined) throw new RangeError(`${device} is not open, or raises no interrupts`)
    for (let raised = 0; raised < times; raised++) model.raise(index, vector)
  }

  /**
   * Pulls a device out, by its UUID or PCI address. Who has it open is asked to let it go (the req interrupt), and
   * reaches nothing any more: what is read is all ones of a PCI device, EIO of a mediated one. Resolves once it is gone
   * from the machine, which takes until its last user has closed it.
   */
  async unplug(device: string): Promise<void> {
    this.#openModel(device)?.disappear?.()
    const bus = this.kernel.files.kind(`/sys/bus/mdev/devices/${device}`) === null ? 'pci' : 'mdev'
    await this.kernel.files.write(`/sys/bus/${bus}/devices/${device}/remove`, '1')
  }

  #openModel(name: string): DeviceModel | undefined {
    const { store, openDevices } = this.#machine
    const birth = store.read().mdevs.find(({ uuid }) => uuid === name)?.birth
    return openDevices.get(birth ?? pciKey(name))?.model
  }
}
