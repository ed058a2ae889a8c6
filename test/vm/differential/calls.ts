import fc from 'fast-check'
import { irqSetFlag } from '../../../src/uapi/irq-set.ts'
import { request } from '../../../src/uapi/requests.ts'

/** What a sequence is about: mediated devices by their type, and a PCI device that can be reset. */
export const targets = ['mtty', 'mdpy', 'edu'] as const
export type Target = (typeof targets)[number]

/**
 * One call, with numbers that say which of the descriptors opened so far it is made on: modulo their count, so that every
 * number is some call.
 */
export type Call =
  | { readonly kind: 'open'; readonly what: 'container' | Target }
  | { readonly kind: 'close'; readonly what: Descriptor; readonly on: number }
  | {
      readonly kind: 'plain'
      readonly what: Descriptor
      readonly on: number
      readonly request: number
      readonly value: number | null
    }
  | {
      readonly kind: 'struct'
      readonly what: Descriptor
      readonly on: number
      readonly request: number
      readonly words: readonly number[]
    }
  | { readonly kind: 'join'; readonly on: number; readonly container: number }
  | { readonly kind: 'device'; readonly on: number; readonly name: Target | 'nonsense' }
  | {
      readonly kind: 'map'
      readonly on: number
      readonly flags: number
      readonly page: number
      readonly iova: bigint
      readonly size: bigint
    }
  | {
      readonly kind: 'unmap'
      readonly on: number
      readonly flags: number
      readonly iova: bigint
      readonly size: bigint
    }
  | {
      readonly kind: 'irqs'
      readonly on: number
      readonly flags: number
      readonly index: number
      readonly start: number
      readonly count: number
      readonly data: readonly number[]
    }
  | {
      readonly kind: 'read'
      readonly on: number
      readonly region: number
      readonly offset: number
      readonly length: number
    }
  | {
      readonly kind: 'write'
      readonly on: number
      readonly region: number
      readonly offset: number
      readonly bytes: readonly number[]
    }
  | { readonly kind: 'create'; readonly parent: string; readonly type: string; readonly text: string }
  | { readonly kind: 'remove'; readonly uuid: string; readonly text: string }
  | { readonly kind: 'available'; readonly parent: string; readonly type: string }

export type Descriptor = 'container' | 'group' | 'device'

export const uuids = ['5f000000-0000-4000-8000-000000000001', '5f000000-0000-4000-8000-000000000002'] as const

const on = fc.nat({ max: 7 })
const descriptor = fc.constantFrom<Descriptor>('container', 'group', 'device')
const page = 4096n
const iova = fc.oneof(
  fc.bigInt({ min: 0n, max: 8n }).map((n) => n * page),
  fc.constantFrom(1n, 0xfee0_0000n, 0x7f_ffff_f000n, 0x80_0000_0000n, 0xffff_ffff_ffff_f000n),
)
const size = fc.oneof(
  fc.bigInt({ min: 0n, max: 4n }).map((n) => n * page),
  fc.constantFrom(1n, page + 1n, 1n << 63n, 0xffff_ffff_ffff_f000n),
)
const { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK } = irqSetFlag

const open: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('open'),
  what: fc.constantFrom('container', ...targets),
})
const close: fc.Arbitrary<Call> = fc.record({ kind: fc.constant('close'), what: descriptor, on })
const plain: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('plain'),
  what: descriptor,
  on,
  request: fc.constantFrom(request.VFIO_GET_API_VERSION, request.VFIO_GROUP_UNSET_CONTAINER, request.VFIO_DEVICE_RESET),
  value: fc.constant(null),
})
const valued: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('plain'),
  what: descriptor,
  on,
  request: fc.constantFrom(request.VFIO_CHECK_EXTENSION, request.VFIO_SET_IOMMU),
  value: fc.constantFrom(0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 4711),
})
/** argsz, flags and index of the calls that ask. */
const ask: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('struct'),
  what: descriptor,
  on,
  request: fc.constantFrom(
    request.VFIO_IOMMU_GET_INFO,
    request.VFIO_GROUP_GET_STATUS,
    request.VFIO_DEVICE_GET_INFO,
    request.VFIO_DEVICE_GET_REGION_INFO,
    request.VFIO_DEVICE_GET_IRQ_INFO,
  ),
  words: fc.tuple(
    fc.constantFrom(0, 4, 8, 15, 16, 19, 20, 24, 32, 64, 256),
    fc.constantFrom(0, 1, 0xffff_ffff),
    fc.constantFrom(0, 1, 2, 3, 4, 6, 7, 8, 9, 16, 255),
  ),
})
const join: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('join'),
  on,
  container: fc.integer({ min: -1, max: 7 }),
})
const device: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('device'),
  on,
  name: fc.constantFrom(...targets, 'nonsense' as const),
})
const map: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('map'),
  on,
  flags: fc.constantFrom(1, 2, 3, 3, 3, 0, 8),
  page: fc.nat({ max: 3 }),
  iova,
  size: size.filter((bytes) => bytes <= 4n * page || bytes >= 1n << 63n),
})
const unmap: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('unmap'),
  on,
  flags: fc.constantFrom(0, 0, 0, 2, 2, 8),
  iova,
  size,
})
/** No triggers: on Linux 6.1 mtty keeps an eventfd that was freed. */
const irqs: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('irqs'),
  on,
  flags: fc.oneof(
    fc
      .constantFrom(VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK)
      .map((action) => action | VFIO_IRQ_SET_DATA_NONE),
    fc.nat({ max: 0x1f }),
    fc.constantFrom(0x40, 0x8000_0000),
  ),
  index: fc.constantFrom(0, 1, 2, 3, 4, 5, 255),
  start: fc.constantFrom(0, 1, 2, 0xffff_ffff),
  count: fc.constantFrom(0, 1, 2, 0xffff_ffff),
  data: fc.array(fc.nat({ max: 1 }), { maxLength: 2 }),
})
const read: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('read'),
  on,
  region: fc.constantFrom(7, 7, 7, 0, 8, 9),
  offset: fc.oneof(fc.nat({ max: 0x48 }), fc.constantFrom(0xfc, 0xfe, 0xff, 0x100, 0x1000)),
  length: fc.constantFrom(0, 1, 2, 3, 4, 8, 16),
})
/** To the configuration space alone: what registers do takes time, which the two do not share. */
const write: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('write'),
  on,
  region: fc.constant(7),
  offset: fc.constantFrom(0x00, 0x04, 0x05, 0x06, 0x0c, 0x10, 0x12, 0x14, 0x30, 0x3c, 0x3d),
  bytes: fc.array(fc.constantFrom(0x00, 0x02, 0x04, 0x06, 0x0f, 0xf0, 0xff), { minLength: 1, maxLength: 4 }),
})
const types = [
  ['mtty', 'mtty-1'],
  ['mtty', 'mtty-2'],
  ['mdpy', 'mdpy-vga'],
] as const
const create: fc.Arbitrary<Call> = fc
  .record({
    kind: fc.constant('create'),
    type: fc.constantFrom(...types),
    text: fc.constantFrom(
      ...uuids,
      ...uuids,
      uuids[0].toUpperCase(),
      `${uuids[1]}\n`,
      `${uuids[0]}x`,
      '',
      'nonsense',
      '{}',
    ),
  })
  .map(({ type: [parent, type], ...rest }): Call => ({ kind: 'create', parent, type, text: rest.text }))
const remove: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('remove'),
  uuid: fc.constantFrom(...uuids),
  text: fc.constantFrom('1', '1', '1\n', '0', 'x', '0x1', '-1', ''),
})
const available: fc.Arbitrary<Call> = fc
  .constantFrom(...types)
  .map(([parent, type]): Call => ({ kind: 'available', parent, type }))

const any: fc.Arbitrary<Call> = fc.oneof(
  open,
  close,
  plain,
  valued,
  ask,
  join,
  device,
  map,
  unmap,
  irqs,
  read,
  write,
  create,
  remove,
  available,
)

/** The way to an open device, which random calls alone would seldom find. */
function wayTo(target: Target, type: 1 | 3): Call[] {
  return [
    { kind: 'open', what: 'container' },
    { kind: 'open', what: target },
    { kind: 'join', on: 0, container: 0 },
    { kind: 'plain', what: 'container', on: 0, request: request.VFIO_SET_IOMMU, value: type },
    { kind: 'device', on: 0, name: target },
  ]
}

/** Legal and illegal calls in any order, most of them after a part of the way to an open device. */
export const sequence: fc.Arbitrary<readonly Call[]> = fc
  .tuple(
    fc.constantFrom(...targets),
    fc.constantFrom(1 as const, 3 as const),
    fc.constantFrom(0, 2, 3, 4, 5, 5, 5, 5),
    fc.array(any, { minLength: 1, maxLength: 20 }),
  )
  .map(([target, type, part, calls]) => [...wayTo(target, type).slice(0, part), ...calls])
