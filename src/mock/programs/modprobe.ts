import type { ProgramEnd, ProgramRun } from '../../kernel/kernel.ts'
import { kernelTraits } from '../base/kernel-traits.ts'
import type { Machine } from '../machine/machine.ts'

/** Loads the module of a driver that VFIO has for particular devices; no other module is there to load. */
export function modprobe({ scenario, store }: Machine, run: ProgramRun): ProgramEnd {
  const name = run.arguments.filter((word) => word !== '--').at(-1) ?? ''
  const module = name.replaceAll('-', '_')
  if (module in scenario.modules || store.read().modules.includes(module)) return ended(0, '')
  const variant = scenario.variantDrivers?.find((driver) => driver.module === module)
  const { release } = kernelTraits(scenario)
  if (variant === undefined)
    return ended(1, `modprobe: FATAL: Module ${name} not found in directory /lib/modules/${release}\n`)
  if (variant.loadFails !== undefined) {
    return ended(1, `modprobe: ERROR: could not insert '${module}': ${variant.loadFails}\n`)
  }
  store.update((draft) => {
    draft.modules.push(module)
  })
  return ended(0, '')
}

function ended(status: number, stderr: string): ProgramEnd {
  return { status, timedOut: false, stdout: '', stderr }
}
