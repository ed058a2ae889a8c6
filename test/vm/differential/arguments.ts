import fc from 'fast-check'
import { encode, type Layout, type Values } from '../../../src/uapi/struct.ts'
import type { Call, Descriptor, On, Struct } from './call.ts'

/** Mostly the first descriptor, which is the one that the way has opened. */
export function on(...kinds: Descriptor[]): fc.Arbitrary<On> {
  return fc.record({ what: fc.constantFrom(...kinds), nth: fc.oneof(fc.constant(0), fc.nat({ max: 3 })) })
}

/** A descriptor for its place in a struct: of these kinds mostly, else none or any. */
export function descriptor(...kinds: Descriptor[]): fc.Arbitrary<On> {
  return fc.oneof(
    { weight: 10, arbitrary: on(...kinds) },
    { weight: 1, arbitrary: fc.record({ what: fc.constantFrom(...kinds), nth: fc.constant(-1) }) },
    { weight: 1, arbitrary: on('container', 'iommufd', 'group', 'device', 'eventfd') },
  )
}

/** The sizes that a struct says it has: its own mostly, else too short or longer. */
export function sizes(own: number, ...others: number[]): fc.Arbitrary<number> {
  return fc.oneof(
    { weight: 11, arbitrary: fc.constant(own) },
    { weight: 1, arbitrary: fc.constantFrom(0, 4, own - 4, own - 1, own + 4, own + 64, ...others) },
  )
}

/** An ioctl with these choices for what it is given. */
export function ioctl<const Name extends string>(
  requests: Readonly<Record<Name, number>>,
  names: readonly NoInfer<Name>[],
  to: fc.Arbitrary<On>,
  argument: fc.Arbitrary<Struct | number | null>,
): fc.Arbitrary<Call> {
  return fc
    .record({ request: fc.constantFrom(...names), on: to, argument })
    .map((call): Call => ({ kind: 'ioctl', number: requests[call.request], ...call }))
}

/** The bytes of a struct, with room behind it for whatever its size field says. */
export function struct<L extends Layout>(
  layout: L,
  values: Partial<Values<L>>,
  more: { readonly size?: number; readonly tail?: Uint8Array } & Partial<Pick<Struct, 'fds' | 'pages'>> = {},
): Struct {
  const { size = 0, tail = new Uint8Array(), fds = [], pages = [] } = more
  const own = Buffer.concat([encode(layout, values), tail])
  const bytes = Buffer.concat([own, new Uint8Array(Math.max(0, size - own.length))])
  return { bytes: bytes.toString('hex'), fds, pages }
}

const pageSize = 4096n

export const iova: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 14, arbitrary: fc.bigInt({ min: 0n, max: 8n }).map((n) => n * pageSize) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      1n,
      0xfedf_f000n,
      0xfee0_0000n,
      0x7f_ffff_f000n,
      0x80_0000_0000n,
      0xffff_ffff_ffff_f000n,
    ),
  },
)

/** Up to four pages, which are there, or more than any address space has. */
export const length: fc.Arbitrary<bigint> = fc.oneof(
  { weight: 14, arbitrary: fc.bigInt({ min: 1n, max: 4n }).map((n) => n * pageSize) },
  { weight: 1, arbitrary: fc.constantFrom(0n, 1n, pageSize + 1n, 1n << 63n, 0xffff_ffff_ffff_f000n) },
)
