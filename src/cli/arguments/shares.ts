import {
  type GpuShares,
  quantumOrNull,
  type SharePriority,
  sharePriorities,
  timeoutOrNull,
  vramOrNull,
} from '../../lifecycle/device/gpu-shares.ts'
import { type Option, usageError } from '../command/command.ts'
import { given } from './change-options.ts'
import { oneOf } from './pci-settings.ts'

interface ShareOptions {
  readonly vram: Option<number>
  readonly quantum: Option<number>
  readonly timeout: Option<number>
  readonly priority: Option<SharePriority>
}

/** The options that name a function's share of an Intel GPU. */
export const shareOptions: ShareOptions = {
  vram: {
    kind: 'option',
    value: 'SIZE',
    completes: 'nothing',
    parse: (text) => parsed('vram', vramOrNull(text), text, 'a size in pieces of 2 MiB, such as 8G'),
    describe: 'of a function of an Intel GPU: its VRAM, such as 8G',
  },
  quantum: {
    kind: 'option',
    value: 'TIME',
    completes: 'nothing',
    parse: (text) => parsed('quantum', quantumOrNull(text), text, 'a time such as 10ms, 100s at most'),
    describe: 'likewise: the time that it runs in a row, such as 10ms; 0ms for no limit',
  },
  timeout: {
    kind: 'option',
    value: 'TIME',
    completes: 'nothing',
    parse: (text) => parsed('timeout', timeoutOrNull(text), text, 'a time such as 20ms or 500us, 100s at most'),
    describe: 'likewise: the time after which it is stopped if it does not give way, such as 20ms; 0ms for never',
  },
  priority: {
    kind: 'option',
    value: 'WORD',
    completes: [...sharePriorities],
    parse: (text) => oneOf('priority', { low: 'low', normal: 'normal' } as const, text),
    describe: 'likewise, and of all functions of the card: low, or normal for time also while it has nothing to do',
  },
}

/** The shares that were given; undefined if none was. */
export function givenShares(values: {
  readonly vram: number | undefined
  readonly quantum: number | undefined
  readonly timeout: number | undefined
  readonly priority: SharePriority | undefined
}): Partial<GpuShares> | undefined {
  const { vram, quantum: quantumMs, timeout: timeoutUs, priority } = values
  const shares = given({ vram, quantumMs, timeoutUs, priority })
  return Object.keys(shares).length === 0 ? undefined : shares
}

function parsed(option: string, value: number | null, text: string, what: string): number {
  if (value === null) throw usageError(`--${option} must be ${what}, not '${text}'`)
  return value
}
