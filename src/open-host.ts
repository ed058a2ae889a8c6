import { checkHost } from './host/check-host.ts'
import { Host } from './host.ts'
import { called } from './host-call.ts'
import { openLinux } from './kernel/linux.ts'
import { traced } from './kernel/trace/traced-kernel.ts'
import { createMockKernel } from './mock/kernel/mock-kernel.ts'
import type { Scenario } from './mock/scenario/scenario.ts'
import { loadScenario } from './mock/shipped/load-scenario.ts'

/** The host that `openHost` opens; this one if empty. */
export interface HostOptions {
  /** The folder of the host's files, instead of `/`. */
  readonly root?: string
  /**
   * A simulated host instead of this one, in memory and gone with the process: the name of a scenario that ships
   * ('demo', 'gpu-host', 'a40-host', 'blackwell', 'arc-pro', 'instinct', 'mainframe'), the file of one, or one itself.
   */
  readonly mock?: string | Scenario
}

/** This machine, or with `mock` a simulated one: NOT_FOUND or INVALID_DEFINITION if there is none to be had. */
export function openHost(options: HostOptions = {}): Host {
  return called('openHost', [options], () => {
    const { mock } = options
    if (mock !== undefined) {
      return new Host(traced(createMockKernel(typeof mock === 'string' ? loadScenario(mock) : mock)))
    }
    const { root } = options
    const kernel = traced(openLinux(root === undefined ? {} : { root }))
    checkHost(kernel.files, root ?? null)
    return new Host(kernel)
  })
}
