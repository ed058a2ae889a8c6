import type { DeviceVerbs } from '../../device/virtual-device-kind.ts'
import { define } from './define.ts'
import { modify } from './modify.ts'
import { definedMdevs } from './restore-mdevs.ts'
import { start } from './start.ts'
import { stop } from './stop.ts'
import { undefine } from './undefine.ts'

/** The verbs for mediated devices. */
export const mdevVerbs: DeviceVerbs = {
  define: (kernel, { name, ...rest }, options) => define(kernel, { ...rest, ...named(name) }, options),
  modify: (kernel, { name, ...rest }, options) => modify(kernel, { uuid: name, ...rest }, options),
  undefine: (kernel, { name, ...rest }, options) => undefine(kernel, { uuid: name, ...rest }, options),
  start: (kernel, { name, ...rest }, options) => start(kernel, { ...rest, ...named(name) }, options),
  stop: (kernel, { name, ...rest }, options) => stop(kernel, { uuid: name, ...rest }, options),
  restore: definedMdevs,
}

function named(name: string | undefined): { readonly uuid?: string } {
  return name === undefined ? {} : { uuid: name }
}
