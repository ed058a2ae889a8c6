import type { KernelVersion } from '../../../src/mock/base/kernel-traits.ts'
import { singleAccesses } from '../../../src/mock/memory/single-accesses.ts'
import { deviceFeatureFlag, deviceFeatures, deviceState } from '../../../src/uapi/features.ts'
import { vfioPciHotReset } from '../../../src/uapi/hot-reset.ts'
import { ioasMapFlag, iommuIoasCopy, iommuIoasMap } from '../../../src/uapi/iommufd.ts'
import { irqSetFlag } from '../../../src/uapi/irq.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode } from '../../../src/uapi/struct.ts'
import type { Call, Struct, Target } from './call.ts'

const lowPowerEntries = (['low-power-entry', 'low-power-entry-with-wakeup'] as const).map(
  (name) => deviceFeatures[name].id | deviceFeatureFlag.VFIO_DEVICE_FEATURE_SET,
)

/** A call that is made on neither kernel. */
interface LeftOut {
  /** Any descriptor where absent. */
  readonly target?: Target
  /** All that have it where absent. */
  readonly kernel?: KernelVersion
  readonly why: string
  isMet(call: Call): boolean
}

const uart = 2
/** By their registers in the configuration space. */
const mttyBars: readonly number[] = [0x10, 0x14]
const preCopying: readonly number[] = [
  deviceState.VFIO_DEVICE_STATE_PRE_COPY,
  deviceState.VFIO_DEVICE_STATE_PRE_COPY_P2P,
]
/** The register of edu. */
const factorial = 0x08
/** Offset from which edu's configuration space has neither a header nor a capability any more, and its end. */
const reserved = 0x4e
const configEnd = 0x100

const leftOut: readonly LeftOut[] = [
  {
    target: 'mtty',
    kernel: '6.1',
    why: 'its driver goes on with an eventfd that was given back',
    isMet: (call) =>
      isIoctl(call, 'VFIO_DEVICE_SET_IRQS') && (word(call.argument, 4) & irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER) !== 0,
  },
  {
    target: 'mtty',
    kernel: '6.1',
    why: 'its driver takes the kernel down where an interrupt is due and none is enabled',
    isMet: (call) => call.kind === 'pwrite' && call.region < uart,
  },
  {
    target: 'mtty',
    why: 'its driver reads past the end of its configuration space',
    isMet: (call) => call.kind === 'pread' && call.region === 7 && call.offset + call.length > 0xff,
  },
  {
    target: 'mtty',
    why: 'its driver takes a BAR as 4 bytes when it was given fewer: the others are what its stack held',
    isMet: (call) =>
      call.kind === 'pwrite' &&
      call.region === 7 &&
      [...singleAccesses(call.offset, call.bytes.length / 2)].some(
        ({ at, width }) => width < 4 && mttyBars.includes(call.offset + at),
      ),
  },
  {
    target: 'mtty',
    kernel: '6.12',
    why: 'from stop-copy it looks for a way to pre-copy without end',
    isMet: (call) =>
      isIoctl(call, 'VFIO_DEVICE_FEATURE') &&
      (word(call.argument, 4) & 0xffff) === deviceFeatures['mig-device-state'].id &&
      (word(call.argument, 4) & deviceFeatureFlag.VFIO_DEVICE_FEATURE_SET) !== 0 &&
      preCopying.includes(word(call.argument, 8)),
  },
  {
    why: 'where the kernel puts several pages depends on where the process has them',
    isMet: (call) =>
      choosesIova(call, 'IOMMU_IOAS_MAP', iommuIoasMap) || choosesIova(call, 'IOMMU_IOAS_COPY', iommuIoasCopy),
  },
  {
    target: 'edu',
    kernel: '7',
    why: 'this kernel is built without power management: nothing wakes up',
    isMet: (call) => isIoctl(call, 'VFIO_DEVICE_FEATURE') && (word(call.argument, 4) & 0xffff) === 4,
  },
  {
    target: 'edu',
    why: 'what the reserved bytes of a configuration space keep is up to the device: until it loses power, as emulated',
    isMet: (call) => {
      if (call.kind !== 'pwrite' || call.region !== 7) return false
      const end = call.offset + call.bytes.length / 2
      return end > reserved && end <= configEnd
    },
  },
  {
    target: 'edu',
    why: 'an address of the process, which the mock has not, stands where groups are counted',
    isMet: (call) =>
      call.kind === 'ioctl' &&
      call.number === request.VFIO_DEVICE_PCI_HOT_RESET &&
      typeof call.argument === 'object' &&
      call.argument?.pages.some(({ at }) => at === vfioPciHotReset.fields.count[0]) === true,
  },
  {
    target: 'edu',
    why: 'the factorial of millions takes seconds',
    isMet: (call) => (factorialOf(call) ?? 0) > 0xffff,
  },
]

/** The number whose factorial a call has edu compute, or null. */
export function factorialOf(call: Call): number | null {
  if (call.kind === 'store') return call.offset === factorial && call.width === 32 ? call.value : null
  if (call.kind !== 'pwrite' || call.region !== 0 || call.offset > factorial) return null
  const written = Buffer.from(call.bytes, 'hex').subarray(factorial - call.offset)
  return written.length < 4 ? null : written.readUInt32LE(0)
}

/** VFIO_DEVICE_FEATURE that lets a device fall asleep. */
export function entersLowPower(call: Call): boolean {
  return isIoctl(call, 'VFIO_DEVICE_FEATURE') && lowPowerEntries.includes(word(call.argument, 4))
}

/** VFIO_DEVICE_SET_IRQS that ties INTx to an eventfd. */
export function tiesIntx(call: Call): boolean {
  const flags = irqSetFlag.VFIO_IRQ_SET_ACTION_TRIGGER | irqSetFlag.VFIO_IRQ_SET_DATA_EVENTFD
  return isIoctl(call, 'VFIO_DEVICE_SET_IRQS') && word(call.argument, 4) === flags && word(call.argument, 8) === 0
}

/** The reason why this call on a device of this kind is left out, or null. */
export function whyLeftOut(call: Call, target: Target | null, kernel: KernelVersion): string | null {
  const found = leftOut.find(
    (it) => (it.target ?? target) === target && (it.kernel ?? kernel) === kernel && it.isMet(call),
  )
  return found?.why ?? null
}

/**
 * The bytes of an answer that a driver fills in. mtty sets the first byte of an access to a register alone, and none where
 * nothing was received: the others are what its stack held.
 */
export function filledIn(bytes: Uint8Array, target: Target | null, region: number, offset: number): Uint8Array {
  if (target !== 'mtty' || region >= uart) return bytes
  return bytes.length === 1 && offset > 0 && offset < 8 ? bytes : new Uint8Array()
}

function isIoctl(call: Call, request: string): call is Extract<Call, { kind: 'ioctl' }> {
  return call.kind === 'ioctl' && call.request === request
}

/** IOMMU_IOAS_MAP or IOMMU_IOAS_COPY of several pages, to wherever they go. */
function choosesIova(call: Call, request: string, layout: typeof iommuIoasMap | typeof iommuIoasCopy): boolean {
  if (!isIoctl(call, request) || typeof call.argument !== 'object' || call.argument === null) return false
  const { flags, length } = decode(layout, Buffer.from(call.argument.bytes, 'hex'))
  return (flags & ioasMapFlag.IOMMU_IOAS_MAP_FIXED_IOVA) === 0 && length > 4096n
}

/** 0 where the struct ends before it. */
function word(argument: Struct | number | null, at: number): number {
  if (typeof argument !== 'object' || argument === null) return 0
  const bytes = Buffer.from(argument.bytes, 'hex')
  return at + 4 > bytes.length ? 0 : bytes.readUInt32LE(at)
}
