import { VfioError } from '../../../base/errors.ts'
import { printable } from '../../../base/units.ts'
import { formatShares, type GpuShares, sharesOrNull } from '../../device/gpu-shares.ts'

/** Shares as a request names them: all of them by a word, or those that are to be others than before. */
export interface ShareRequest {
  /** 'vram=8GiB,quantum=10ms': what it does not name is not given. */
  readonly type?: string
  /** Others than those stay. */
  readonly shares?: Partial<GpuShares>
}

/** The shares that a request asks for; those that are there if it names none. INVALID_ARGUMENT for what are none. */
export function wantedShares({ type, shares }: ShareRequest, before: GpuShares): GpuShares {
  const { vram, quantumMs, timeoutUs, priority } = { ...(type === undefined ? before : parseShares(type)), ...shares }
  // read back, they are as the files keep them
  return parseShares(formatShares({ vram, quantumMs, timeoutUs, priority }))
}

/** The shares of a word. INVALID_ARGUMENT for what are none. */
export function parseShares(text: string): GpuShares {
  const shares = sharesOrNull(text)
  if (shares !== null) return shares
  throw new VfioError('INVALID_ARGUMENT', `'${printable(text)}' is no share of a GPU`, {
    hint: '--vram 8GiB (pieces of 2 MiB), --quantum 10ms and --timeout 20ms (up to 100s), --priority low or normal',
    facts: { type: printable(text) },
  })
}

/** INVALID_ARGUMENT for attributes: the shares are all that a function has. */
export function refuseAttributes(attributes: readonly object[] | undefined): void {
  if (attributes === undefined || attributes.length === 0) return
  throw new VfioError('INVALID_ARGUMENT', 'a function of an Intel GPU has shares, and no attributes', {
    hint: '--vram, --quantum, --timeout, --priority',
  })
}
