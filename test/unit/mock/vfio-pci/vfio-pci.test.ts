import { describe, expect, test } from 'vitest'
import { request } from '../../../../src/uapi/requests.ts'
import { codeOf, int32, wordAt, words } from '../machine.ts'
import { card, edu, openEdu, openPci, pciKernel, toVfio } from '../pci/pci-scenario.ts'

const region = (index: number, within = 0) => index * 2 ** 40 + within
const config = (within: number) => region(7, within)
const MEMORY_OFF = 0x0001
const MEMORY_ON = 0x0003

async function openCard() {
  const kernel = pciKernel()
  await toVfio(kernel, card)
  return { kernel, ...openPci(kernel, card) }
}

type Opened = Awaited<ReturnType<typeof openCard>>

function read({ kernel, device }: Opened, offset: number, length: number): string {
  const bytes = new Uint8Array(length)
  const moved = kernel.pread(device, bytes, offset)
  return Buffer.from(bytes.subarray(0, moved)).toString('hex')
}

function write({ kernel, device }: Opened, offset: number, hex: string): number {
  return kernel.pwrite(device, Buffer.from(hex, 'hex'), offset)
}

function setCommand(opened: Opened, value: number): void {
  write(opened, config(4), Buffer.from(Uint16Array.of(value).buffer).toString('hex'))
}

function regionInfo({ kernel, device }: Opened, index: number, argsz = 32) {
  const bytes = new Uint8Array(64)
  bytes.set(words(argsz, 0, index))
  kernel.ioctl(device, request.VFIO_DEVICE_GET_REGION_INFO, bytes)
  return { argsz: wordAt(bytes, 0), flags: wordAt(bytes, 4), chain: wordAt(bytes, 12), size: wordAt(bytes, 16), bytes }
}

const TRIGGER = 0x20
const MASK = 0x08
const UNMASK = 0x10
const NONE = 1
const BOOL = 2
const EVENTFD = 4

function setIrqs(
  { kernel, device }: Opened,
  [flags, index, start, count]: number[],
  data: Uint8Array = new Uint8Array(0),
): unknown {
  const bytes = new Uint8Array([...words(20 + data.length, flags ?? 0, index ?? 0, start ?? 0, count ?? 0), ...data])
  return codeOf(() => kernel.ioctl(device, request.VFIO_DEVICE_SET_IRQS, bytes))
}

function fds(...numbers: number[]): Uint8Array {
  return new Uint8Array(numbers.flatMap((fd) => [...int32(fd)]))
}

/** Number of signals of the eventfd since the last look. */
function events({ kernel }: Opened, fd: number): number {
  const bytes = new Uint8Array(8)
  return codeOf(() => kernel.read(fd, bytes)) === 'EAGAIN' ? 0 : wordAt(bytes, 0)
}

describe('regions', () => {
  test('are the BARs, the ROM and the configuration space; VGA is EINVAL', async () => {
    const opened = await openCard()
    const shown = [0, 1, 2, 3, 6, 7].map((index) => regionInfo(opened, index)).map(({ flags, size }) => [flags, size])
    expect(shown).toEqual([
      [7, 0x2_0000],
      [0, 0],
      [3, 0x20],
      [0xf, 0x4000],
      [1, 0x4_0000],
      [3, 4096],
    ])
    expect(codeOf(() => regionInfo(opened, 8))).toBe('EINVAL')
    expect(codeOf(() => regionInfo(opened, 9))).toBe('EINVAL')
  })

  test('that of the MSI-X table says in a second call that it can be mapped all the same', async () => {
    const opened = await openCard()
    expect(regionInfo(opened, 3)).toMatchObject({ argsz: 40, chain: 0 })
    const { argsz, chain, bytes } = regionInfo(opened, 3, 40)
    expect([argsz, chain, wordAt(bytes, 32), wordAt(bytes, 36)]).toEqual([40, 32, 0x1_0003, 0])
  })

  test('an access across the end is cut short, one past it EINVAL; EFAULT in the configuration space', async () => {
    const opened = await openCard()
    expect(read(opened, region(0, 0x1_f000), 8192)).toHaveLength(2 * 4096)
    expect(codeOf(() => read(opened, region(0, 0x2_0000), 4))).toBe('EINVAL')
    expect(codeOf(() => read(opened, region(1), 4))).toBe('EINVAL')
    expect(codeOf(() => read(opened, region(9), 4))).toBe('EINVAL')
    expect(codeOf(() => read(opened, config(4094), 4))).toBe('EFAULT')
    expect(codeOf(() => write(opened, region(6), '00'))).toBe('EINVAL')
  })

  test('the MSI-X table reads as ones, and takes nothing', async () => {
    const opened = await openCard()
    expect(write(opened, region(3), '00000000')).toBe(4)
    expect(read(opened, region(3, 0x3c), 8)).toBe('ffffffff00000000')
  })

  test('do not answer while memory decoding is off: EIO, and EFAULT through a mapping; then again', async () => {
    const opened = await openCard()
    const mapping = opened.kernel.mmap(opened.device, { offset: region(0), length: 0x1000, access: 'rw' })
    mapping.write32(8, 0x1234_5678)
    setCommand(opened, MEMORY_OFF)
    expect(codeOf(() => read(opened, region(0, 8), 4))).toBe('EIO')
    expect(codeOf(() => mapping.read32(8))).toBe('EFAULT')
    expect(codeOf(() => mapping.write8(8, 0))).toBe('EFAULT')
    expect(read(opened, region(2), 2)).toBe('0000')
    setCommand(opened, MEMORY_ON)
    expect([read(opened, region(0, 8), 4), mapping.read32(8)]).toEqual(['78563412', 0x1234_5678])
    write(opened, config(0x54), '0300')
    expect(codeOf(() => mapping.read32(8))).toBe('EFAULT')
  })

  test.each([
    ['the configuration space', config(0), 4096],
    ['an I/O BAR', region(2), 4096],
    ['the ROM', region(6), 4096],
    ['a BAR that is not there', region(1), 4096],
    ['more than the BAR', region(0), 0x2_1000],
    ['what is beyond the BAR', region(0, 0x2_0000), 4096],
    ['part of a page', region(0, 0x10), 4096],
    ['nothing', region(0), 0],
  ])('%s cannot be mapped: EINVAL', async (_, offset, length) => {
    const { kernel, device } = await openCard()
    expect(codeOf(() => kernel.mmap(device, { offset, length, access: 'rw' }))).toBe('EINVAL')
  })
})

describe('configuration space', () => {
  test('has bus mastering off when the device is opened, each time', async () => {
    const opened = await openCard()
    expect(read(opened, config(4), 2)).toBe('0300')
    setCommand(opened, 0xffff)
    expect(read(opened, config(4), 2)).toBe('0705')
    opened.kernel.close(opened.device)
    const name = Buffer.from(`${card}\0`)
    const device = opened.kernel.ioctl(opened.group, request.VFIO_GROUP_GET_DEVICE_FD, name)
    expect(read({ ...opened, device }, config(4), 2)).toBe('0300')
  })

  test.each([
    ['a BAR of memory', 0x10, '0000feff'],
    ['a BAR that is not there', 0x14, '00000000'],
    ['an I/O BAR', 0x18, 'e1ffffff'],
    ['a 64-bit BAR', 0x1c, '04c0ffffffffffff'],
    ['the ROM', 0x30, '0100fcff'],
    ['the ids', 0x00, '3412e811'],
    ['the interrupt line alone, not the pin', 0x3c, 'ff010000'],
  ])('tells the size of %s', async (_, offset, sized) => {
    const opened = await openCard()
    write(opened, config(offset), 'ff'.repeat(sized.length / 2))
    expect(read(opened, config(offset), sized.length / 2)).toBe(sized)
  })
})

test('resets iff it says so, keeps the configuration space, and EINVAL else', async () => {
  const opened = await openCard()
  setCommand(opened, 0x0007)
  write(opened, region(0), '01')
  expect(opened.kernel.ioctl(opened.device, request.VFIO_DEVICE_RESET)).toBe(0)
  expect([read(opened, region(0), 1), read(opened, config(4), 2)]).toEqual(['00', '0700'])
  const other = await openEdu()
  expect(codeOf(() => other.kernel.ioctl(other.device, request.VFIO_DEVICE_RESET))).toBe('EINVAL')
})

describe('interrupts', () => {
  test('are INTx, MSI-X of four vectors, err of PCI Express, and req', async () => {
    const opened = await openCard()
    const info = (index: number) => {
      const bytes = words(16, 0, index, 0)
      const code = codeOf(() => opened.kernel.ioctl(opened.device, request.VFIO_DEVICE_GET_IRQ_INFO, bytes))
      return code ?? [wordAt(bytes, 4), wordAt(bytes, 12)]
    }
    expect([0, 1, 2, 3, 4, 5].map(info)).toEqual([[7, 1], [9, 0], [9, 4], [9, 1], [9, 1], 'EINVAL'])
  })

  test('what vfio-pci refuses', async () => {
    const opened = await openCard()
    const fd = opened.kernel.eventfd()
    const refused = (numbers: number[], data?: Uint8Array) => setIrqs(opened, numbers, data)
    expect(refused([MASK | NONE, 2, 0, 1])).toBe('ENOTTY')
    expect(refused([UNMASK | NONE, 2, 0, 1])).toBe('ENOTTY')
    expect(refused([MASK | TRIGGER | NONE, 0, 0, 1])).toBe('ENOTTY')
    expect(refused([TRIGGER | EVENTFD, 2, 3, 2], fds(fd, fd))).toBe('EINVAL')
    expect(refused([TRIGGER | NONE, 2, 0, 0])).toBe('EINVAL')
    expect(refused([TRIGGER | NONE, 1, 0, 0])).toBe('EINVAL')
    expect(refused([TRIGGER, 2, 0, 1])).toBe('EINVAL')
    expect(refused([TRIGGER | EVENTFD, 2, 0, 2], fds(fd))).toBe('EINVAL')
    expect(refused([TRIGGER | EVENTFD, 2, 0, 1], fds(99))).toBe('EBADF')
    expect(refused([TRIGGER | EVENTFD, 2, 0, 1], fds(opened.device))).toBe('EINVAL')
    expect(refused([TRIGGER | EVENTFD, 2, 0, 1], fds(fd))).toBe(null)
    expect(refused([TRIGGER | EVENTFD, 0, 0, 1], fds(fd))).toBe('EINVAL')
    expect(refused([TRIGGER | NONE, 2, 0, 0])).toBe(null)
    expect(refused([TRIGGER | EVENTFD, 0, 0, 1], fds(fd))).toBe(null)
    expect(refused([MASK | EVENTFD, 0, 0, 1], fds(fd))).toBe('ENOTTY')
  })

  test('each MSI-X vector: nothing before, one event for a trigger, nothing once disabled', async () => {
    const opened = await openCard()
    const eventfds = [0, 1, 2, 3].map(() => opened.kernel.eventfd())
    setIrqs(opened, [TRIGGER | EVENTFD, 2, 0, 4], fds(...eventfds))
    expect(eventfds.map((fd) => events(opened, fd))).toEqual([0, 0, 0, 0])
    setIrqs(opened, [TRIGGER | NONE, 2, 1, 1])
    setIrqs(opened, [TRIGGER | BOOL, 2, 0, 4], Uint8Array.of(1, 0, 0, 1))
    expect(eventfds.map((fd) => events(opened, fd))).toEqual([1, 1, 0, 1])
    setIrqs(opened, [TRIGGER | EVENTFD, 2, 1, 1], fds(-1))
    expect(setIrqs(opened, [TRIGGER | NONE, 2, 0, 4])).toBe(null)
    expect(eventfds.map((fd) => events(opened, fd))).toEqual([1, 0, 1, 1])
    setIrqs(opened, [TRIGGER | NONE, 2, 0, 0])
    expect(setIrqs(opened, [TRIGGER | NONE, 2, 0, 1])).toBe('EINVAL')
  })

  test('more MSI-X vectors than were enabled at first are EINVAL, as before Linux 6.5', async () => {
    const opened = await openCard()
    const fd = opened.kernel.eventfd()
    setIrqs(opened, [TRIGGER | EVENTFD, 2, 0, 2], fds(fd, fd))
    expect(setIrqs(opened, [TRIGGER | EVENTFD, 2, 2, 1], fds(fd))).toBe('EINVAL')
  })

  test('req is signalled when the driver is to let go of the device', async () => {
    const opened = await openEdu()
    const fd = opened.kernel.eventfd()
    expect(setIrqs(opened, [TRIGGER | NONE, 4, 0, 1])).toBe('EINVAL')
    setIrqs(opened, [TRIGGER | EVENTFD, 4, 0, 1], fds(fd))
    const unbinding = opened.kernel.files.write('/sys/bus/pci/drivers/vfio-pci/unbind', edu)
    expect(events(opened, fd)).toBe(1)
    opened.kernel.close(opened.device)
    await unbinding
  })
})
