import fc from 'fast-check'
import type { KernelVersion } from '../../../src/mock/base/kernel-traits.ts'
import { vfioDeviceAttachIommufdPt, vfioDeviceBindIommufd, vfioDeviceInfo } from '../../../src/uapi/device.ts'
import { iommufdRequest, iommuIoasAlloc } from '../../../src/uapi/iommufd.ts'
import { request } from '../../../src/uapi/requests.ts'
import { accessCalls, registerCalls } from './access-calls.ts'
import { on, struct } from './arguments.ts'
import { type Call, type Descriptor, type Struct, type Target, targets } from './call.ts'
import { containerCalls, groupCalls } from './container-calls.ts'
import { deviceCalls } from './device-calls.ts'
import { bindCalls, iommufdCalls } from './iommufd-calls.ts'
import { irqCalls } from './irq-calls.ts'
import { streamCalls } from './stream-calls.ts'
import { mdevCalls, pciCalls } from './sysfs-calls.ts'

interface Topic {
  readonly calls: readonly fc.Arbitrary<Call>[]
  readonly parts: readonly number[]
  /** All where absent. */
  readonly targets?: readonly Target[]
  readonly ways?: 'iommufd'
}

const numbers = { ...request, ...iommufdRequest }

const open: fc.Arbitrary<Call> = fc.oneof(
  fc.record({ kind: fc.constant('open'), what: fc.constantFrom('container', 'iommufd') }),
  fc.record({ kind: fc.constant('open'), what: fc.constantFrom('group', 'device'), of: fc.constantFrom(...targets) }),
)
const close: fc.Arbitrary<Call> = fc.record({
  kind: fc.constant('close'),
  on: on('container', 'iommufd', 'group', 'device', 'eventfd'),
})

/** Calls of a way that go before those of a topic: 5 open the device, 6 ask it what it is, as some drivers want. */
const topics = [
  { calls: containerCalls, parts: [5, 5, 5, 4, 3] },
  { calls: groupCalls, parts: [5, 4, 3, 2, 2, 1, 0] },
  { calls: deviceCalls, parts: [6, 6, 6, 5] },
  { calls: irqCalls(0), parts: [6, 6, 6, 6, 5] },
  { calls: [...irqCalls(0), ...registerCalls], parts: [6], targets: ['mtty', 'edu'] },
  { calls: [...irqCalls(1), ...registerCalls], parts: [6], targets: ['mtty', 'edu'] },
  { calls: accessCalls, parts: [5], targets: ['mtty', 'mdpy', 'edu', 'edu'] },
  { calls: mdevCalls, parts: [0, 0, 5] },
  { calls: pciCalls, parts: [0, 0, 0, 5], targets: ['edu'] },
] as const satisfies readonly Topic[]
const topicsOf7 = [
  { calls: iommufdCalls, parts: [5, 5, 4, 3, 1], ways: 'iommufd' },
  { calls: iommufdCalls, parts: [5], ways: 'iommufd', targets: ['edu', 'edu', 'edu', 'mtty'] },
  { calls: containerCalls, parts: [5, 5, 4] },
  { calls: bindCalls, parts: [5, 3, 2], ways: 'iommufd' },
  { calls: streamCalls, parts: [5], targets: ['mtty'] },
] as const satisfies readonly Topic[]

const asked = call('VFIO_DEVICE_GET_INFO', 'device', struct(vfioDeviceInfo, { argsz: 16 }))

/** The ways to an open device, which random calls alone would seldom find. */
const ways: readonly ((target: Target) => readonly Call[])[] = [
  (target) => group(target, 'container', 1),
  (target) => group(target, 'container', 3),
]
const iommufdWays: typeof ways = [
  (target) => group(target, 'iommufd', 3),
  (target) => [
    { kind: 'open', what: 'iommufd' },
    { kind: 'open', what: 'device', of: target },
    call('VFIO_DEVICE_BIND_IOMMUFD', 'device', {
      ...struct(vfioDeviceBindIommufd, { argsz: 16 }),
      fds: [{ at: 8, fd: first('iommufd') }],
    }),
    call('IOMMU_IOAS_ALLOC', 'iommufd', struct(iommuIoasAlloc, { size: 12 })),
    call('VFIO_DEVICE_ATTACH_IOMMUFD_PT', 'device', struct(vfioDeviceAttachIommufdPt, { argsz: 12, pt_id: 2 })),
    asked,
  ],
]

function group(target: Target, what: 'container' | 'iommufd', type: 1 | 3): readonly Call[] {
  return [
    { kind: 'open', what },
    { kind: 'open', what: 'group', of: target },
    call('VFIO_GROUP_SET_CONTAINER', 'group', { bytes: '00000000', fds: [{ at: 0, fd: first(what) }], pages: [] }),
    call('VFIO_SET_IOMMU', what, type),
    { kind: 'get device', on: first('group'), name: `$${target}` },
    asked,
  ]
}

function call(name: keyof typeof numbers, what: Descriptor, argument: Struct | number): Call {
  return { kind: 'ioctl', request: name, number: numbers[name], on: first(what), argument }
}

function first(what: Descriptor) {
  return { what, nth: 0 }
}

/** Legal and illegal calls in any order: many of one topic, among all the others, after a way to an open device. */
export function sequences(kernel: KernelVersion): fc.Arbitrary<readonly Call[]> {
  const isOf7 = kernel === '7'
  const all: readonly Topic[] = isOf7 ? [...topics, ...topicsOf7] : topics
  const any = fc.oneof(open, close, ...all.map(({ calls }) => fc.oneof(...calls)))
  return fc.constantFrom(...all).chain(({ calls, parts, targets: about = targets, ways: only }) => {
    const mostlyOfTopic = fc.oneof({ weight: 5, arbitrary: fc.oneof(...calls) }, { weight: 1, arbitrary: any })
    const all = isOf7 ? [...ways, ...iommufdWays] : ways
    return fc
      .tuple(
        fc.constantFrom(...about),
        fc.constantFrom(...(only === 'iommufd' ? iommufdWays : all)),
        fc.constantFrom(...parts),
        fc.array(mostlyOfTopic, { minLength: 1, maxLength: 24, size: 'max' }),
      )
      .map(([target, way, part, list]) => [...way(target).slice(0, part), ...list])
  })
}
