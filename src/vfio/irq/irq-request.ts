import * as v from 'valibot'
import { checked } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import type { VectorRequest } from './irq-vector.ts'

/** A vector by its number, or with an eventfd of another's to signal. */
export type RequestedVector = number | { readonly vector: number; readonly eventfd: number }

const wanted = v.array(
  v.union(
    [v.number(), v.strictObject({ vector: v.number(), eventfd: v.number() })],
    'must be a number, or { vector, eventfd } with a number each',
  ),
)

/**
 * By vector, for `call`. Throws INVALID_ARGUMENT for none, one twice or no descriptor, OUT_OF_RANGE for one that is not
 * there.
 */
export function requestedVectors(
  call: string,
  irq: { readonly name: string; readonly count: number },
  vectors: readonly RequestedVector[],
): readonly VectorRequest[] {
  const requests: VectorRequest[] = checked(call, wanted, vectors, 'its vectors').map((one) =>
    typeof one === 'number' ? { vector: one, eventfd: null } : one,
  )
  if (requests.length === 0) throw new VfioError('INVALID_ARGUMENT', `no vector of ${irq.name} is named`)
  const seen = new Set<number>()
  for (const { vector, eventfd } of requests) {
    if (!Number.isInteger(vector) || vector < 0 || vector >= irq.count) {
      const there = irq.count === 1 ? 'its only vector is 0' : `its vectors are 0 to ${irq.count - 1}`
      throw new VfioError('OUT_OF_RANGE', `${irq.name} has no vector ${vector}: ${there}`, {
        facts: { irq: irq.name, vector, count: irq.count },
      })
    }
    if (seen.has(vector)) throw new VfioError('INVALID_ARGUMENT', `vector ${vector} of ${irq.name} is named twice`)
    if (eventfd !== null && !isDescriptor(eventfd)) {
      throw new VfioError('INVALID_ARGUMENT', `${eventfd} is not a file descriptor`, { facts: { vector, eventfd } })
    }
    seen.add(vector)
  }
  return requests.sort((a, b) => a.vector - b.vector)
}

/** True if a number can be a descriptor. */
export function isDescriptor(fd: number): boolean {
  return Number.isInteger(fd) && fd >= 0 && fd < 2 ** 31
}
