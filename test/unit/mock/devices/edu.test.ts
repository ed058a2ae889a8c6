import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { vfioIommuType1DmaMap } from '../../../../src/uapi/container.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { encode } from '../../../../src/uapi/struct.ts'
import { codeOf, cString, int32, wordAt, words } from '../machine.ts'
import { edu, openEdu } from '../pci/pci-scenario.ts'

interface Opened {
  readonly kernel: Kernel
  readonly device: number
  readonly container: number
  readonly group: number
}

async function opened() {
  const it: Opened = await openEdu()
  const mapping = it.kernel.mmap(it.device, { offset: 0, length: 0x1000, access: 'rw' })
  return { ...it, mapping }
}

type Edu = Awaited<ReturnType<typeof opened>>

function setCommand({ kernel, device }: Opened, value: number): void {
  kernel.pwrite(device, Uint8Array.of(value), 7 * 2 ** 40 + 4)
}

function setIrq({ kernel, device }: Opened, flags: number, index: number, fd: number): void {
  kernel.ioctl(device, request.VFIO_DEVICE_SET_IRQS, new Uint8Array([...words(24, flags, index, 0, 1), ...int32(fd)]))
}

function events({ kernel }: Opened, fd: number): number {
  const bytes = new Uint8Array(8)
  return codeOf(() => kernel.read(fd, bytes)) === 'EAGAIN' ? 0 : wordAt(bytes, 0)
}

function mapMemory({ kernel, container }: Opened, iova: bigint, flags: number): Uint8Array {
  const memory = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
  const bytes = encode(vfioIommuType1DmaMap, { argsz: 32, flags, iova, size: 4096n })
  kernel.ioctl(container, request.VFIO_IOMMU_MAP_DMA, bytes, [{ offset: 8, target: memory }])
  return memory.view()
}

const buffer = 0x40000
const RUN = 1
const TO_MEMORY = 2
const INTERRUPT = 4

/** Polls as a driver does, without giving timers a turn. */
function copy({ mapping }: Edu, source: number, destination: number, count: number, command: number): void {
  mapping.write32(0x80, source)
  mapping.write32(0x88, destination)
  mapping.write32(0x90, count)
  mapping.write32(0x98, command | RUN)
  while ((mapping.read32(0x98) & RUN) !== 0) {}
}

describe('registers', () => {
  test('identification, liveness, and ones where there is nothing', async () => {
    const { mapping } = await opened()
    mapping.write32(4, 0x1234_5678)
    expect([mapping.read32(0), mapping.read32(4), mapping.read32(0xc)]).toEqual([0x0100_00ed, 0xedcb_a987, 0xffff_ffff])
  })

  test('take 4 bytes, and from 0x80 on 8; narrower accesses do nothing', async () => {
    const { mapping } = await opened()
    mapping.write32(4, 0)
    mapping.write8(4, 0)
    mapping.write16(4, 0)
    mapping.write64(8, 5n)
    expect([mapping.read32(4), mapping.read32(8)]).toEqual([0xffff_ffff, 0])
    expect([mapping.read8(0), mapping.read16(0), mapping.read64(0)]).toEqual([0, 0, 2n ** 64n - 1n])
    mapping.write64(0x80, 0x12_3456_789an)
    expect([mapping.read64(0x80), mapping.read32(0x80), mapping.read32(0x84)]).toEqual([
      0x12_3456_789an,
      0x3456_789a,
      0xffff_ffff,
    ])
  })

  test.each([
    [0, 1],
    [10, 3_628_800],
    [13, 1_932_053_504],
    [34, 0],
    [0xffff_ffff, 0],
  ])('the factorial of %i is %i, while busy is shown', async (value, result) => {
    const { mapping } = await opened()
    mapping.write32(8, value)
    expect(mapping.read32(0x20) & 1).toBe(1)
    while ((mapping.read32(0x20) & 1) !== 0) {}
    expect(mapping.read32(8)).toBe(result)
  })

  test('are kept between openings', async () => {
    const it = await opened()
    it.mapping.write32(4, 1)
    it.mapping.close()
    it.kernel.close(it.device)
    const device = it.kernel.ioctl(it.group, request.VFIO_GROUP_GET_DEVICE_FD, cString(edu))
    expect(it.kernel.mmap(device, { offset: 0, length: 4096, access: 'r' }).read32(4)).toBe(0xffff_fffe)
  })
})

describe('interrupts', () => {
  const TRIGGER_EVENTFD = 0x24
  const UNMASK_EVENTFD = 0x14

  function unmask({ kernel, device }: Opened): void {
    kernel.ioctl(device, request.VFIO_DEVICE_SET_IRQS, words(20, 0x11, 0, 0, 1))
  }

  test('INTx signals once and masks itself; unmasked while asserted it signals again', async () => {
    const it = await opened()
    const fd = it.kernel.eventfd()
    setIrq(it, TRIGGER_EVENTFD, 0, fd)
    it.mapping.write32(0x60, 0x2)
    it.mapping.write32(0x60, 0x4)
    expect([events(it, fd), it.mapping.read32(0x24)]).toEqual([1, 6])
    unmask(it)
    expect(events(it, fd)).toBe(1)
    it.mapping.write32(0x64, 6)
    unmask(it)
    expect(events(it, fd)).toBe(0)
    it.mapping.write32(0x60, 1)
    expect(events(it, fd)).toBe(1)
  })

  test('INTx asserted before it is enabled signals then', async () => {
    const it = await opened()
    it.mapping.write32(0x60, 1)
    const fd = it.kernel.eventfd()
    setIrq(it, TRIGGER_EVENTFD, 0, fd)
    expect(events(it, fd)).toBe(1)
  })

  test('an eventfd unmasks INTx, and is taken', async () => {
    const it = await opened()
    const [fd, resample] = [it.kernel.eventfd(), it.kernel.eventfd()]
    setIrq(it, TRIGGER_EVENTFD, 0, fd)
    setIrq(it, UNMASK_EVENTFD, 0, resample)
    it.mapping.write32(0x60, 1)
    expect(events(it, fd)).toBe(1)
    const one = new Uint8Array(8)
    one[0] = 1
    it.kernel.write(resample, one)
    expect([events(it, fd), events(it, resample)]).toEqual([1, 0])
  })

  test('an eventfd that unmasks INTx, and is signalled by it, does not go on for ever', async () => {
    const it = await opened()
    const fd = it.kernel.eventfd()
    setIrq(it, TRIGGER_EVENTFD, 0, fd)
    setIrq(it, UNMASK_EVENTFD, 0, fd)
    it.mapping.write32(0x60, 1)
    expect(events(it, fd)).toBe(0)
  })

  test('the command register keeps INTx back', async () => {
    const it = await opened()
    const fd = it.kernel.eventfd()
    setIrq(it, TRIGGER_EVENTFD, 0, fd)
    it.kernel.pwrite(it.device, Uint8Array.of(0x03, 0x04), 7 * 2 ** 40 + 4)
    it.mapping.write32(0x60, 1)
    expect(events(it, fd)).toBe(0)
    it.kernel.pwrite(it.device, Uint8Array.of(0x03, 0x00), 7 * 2 ** 40 + 4)
    expect(events(it, fd)).toBe(1)
  })

  test('MSI is sent each time, and only with bus mastering', async () => {
    const it = await opened()
    const fd = it.kernel.eventfd()
    setIrq(it, TRIGGER_EVENTFD, 1, fd)
    it.mapping.write32(0x60, 1)
    expect(events(it, fd)).toBe(0)
    setCommand(it, 0x07)
    it.mapping.write32(0x60, 1)
    it.mapping.write32(0x60, 2)
    expect(events(it, fd)).toBe(2)
  })

  test('a factorial can end with one', async () => {
    const it = await opened()
    const fd = it.kernel.eventfd()
    setIrq(it, TRIGGER_EVENTFD, 0, fd)
    it.mapping.write32(0x20, 0x80)
    it.mapping.write32(8, 5)
    while (events(it, fd) === 0) await sleep(1)
    expect([it.mapping.read32(8), it.mapping.read32(0x24), it.mapping.read32(0x20)]).toEqual([120, 1, 0x80])
  })
})

describe('DMA', () => {
  const READ = 1
  const WRITE = 2

  test('copies both ways by IOVA, and says so with an interrupt', async () => {
    const it = await opened()
    setCommand(it, 0x07)
    const fd = it.kernel.eventfd()
    setIrq(it, 0x24, 1, fd)
    const memory = mapMemory(it, 0x10_0000n, READ | WRITE)
    memory.set(Buffer.from('from us to the device'))
    copy(it, 0x10_0000, buffer, 21, INTERRUPT)
    expect([events(it, fd), it.mapping.read32(0x24)]).toEqual([1, 0x100])
    copy(it, buffer, 0x10_0100, 21, TO_MEMORY)
    expect(Buffer.from(memory.subarray(0x100, 0x115)).toString()).toBe('from us to the device')
    expect(events(it, fd)).toBe(0)
  })

  test('stores nothing without bus mastering, where nothing is mapped, or where devices may only read', async () => {
    const it = await opened()
    const memory = mapMemory(it, 0x10_0000n, READ | WRITE)
    const readOnly = mapMemory(it, 0x20_0000n, READ)
    memory.fill(0x55)
    setCommand(it, 0x07)
    copy(it, 0x10_0000, buffer, 16, 0)
    setCommand(it, 0x03)
    memory.fill(0)
    copy(it, buffer, 0x10_0000, 16, TO_MEMORY)
    setCommand(it, 0x07)
    copy(it, buffer, 0x20_0000, 16, TO_MEMORY)
    copy(it, buffer, 0x30_0000, 16, TO_MEMORY)
    expect([memory[0], readOnly[0]]).toEqual([0, 0])
    copy(it, buffer, 0x10_0000, 16, TO_MEMORY)
    expect(memory[15]).toBe(0x55)
  })

  test('reaches 28 bits, and loses those above', async () => {
    const it = await opened()
    const low = mapMemory(it, 0x10_0000n, READ | WRITE)
    const high = mapMemory(it, 0x1010_0000n, READ | WRITE)
    setCommand(it, 0x07)
    low.fill(0x11)
    copy(it, 0x10_0000, buffer, 4, 0)
    low.fill(0)
    copy(it, buffer, 0x1010_0000, 4, TO_MEMORY)
    expect([low[0], high[0]]).toEqual([0x11, 0])
  })

  test('goes on without anyone who looks', async () => {
    const it = await opened()
    setCommand(it, 0x07)
    const memory = mapMemory(it, 0x10_0000n, READ | WRITE).fill(7)
    it.mapping.write32(0x80, 0x10_0000)
    it.mapping.write32(0x88, buffer)
    it.mapping.write32(0x90, 8)
    it.mapping.write32(0x98, RUN)
    it.mapping.write32(0x90, 1)
    expect(it.mapping.read32(0x90)).toBe(8)
    await sleep(20)
    expect(it.mapping.read32(0x98) & RUN).toBe(0)
    memory.fill(0)
    copy(it, buffer, 0x10_0000, 8, TO_MEMORY)
    expect([...memory.subarray(0, 9)]).toEqual([7, 7, 7, 7, 7, 7, 7, 7, 0])
  })
})
