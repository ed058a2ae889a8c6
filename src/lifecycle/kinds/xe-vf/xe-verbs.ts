import type { DeviceVerbs } from '../../device/virtual-device-kind.ts'
import { verbsByName } from '../card-function/function-verbs.ts'
import { defineXe, modifyXe, undefineXe } from './define-xe.ts'
import { definedXe } from './restore-xe.ts'
import { startXe, stopXe } from './start-xe.ts'

/** The verbs for shares of Intel's GPUs. */
export const xeVerbs: DeviceVerbs = verbsByName({
  define: defineXe,
  modify: modifyXe,
  undefine: undefineXe,
  start: startXe,
  stop: stopXe,
  restore: definedXe,
})
