import { describe, expect, onTestFinished, test } from 'vitest'
import { createMockHost, type DeviceContext, LineIrq, MdevModel, MessageIrq, TrappedRegion } from '../../src/mock.ts'
import { openModel } from './mock/sdk/open-model.ts'

const intx = 0
const msi = 1
const req = 4

/** Signals what is written to it. */
class Bell extends MdevModel {
  readonly #bell = this.addIrq(msi, new MessageIrq(2))

  constructor(context: DeviceContext) {
    super(context)
    this.addIrq(intx, new LineIrq())
    this.addIrq(req, new MessageIrq())
    this.addRegion(0, new TrappedRegion({ size: 4, write: (_, vector) => this.#bell.raise(vector) }))
  }
}

test('hosts share nothing', async () => {
  const [one, other] = [createMockHost(), createMockHost()]
  await using host = one.host()
  onTestFinished(() => other.kernel.dispose())
  await host.start({ parent: 'mtty', type: 'mtty-1' })
  expect(one.kernel.files.list('/sys/bus/mdev/devices')).toHaveLength(1)
  expect(other.kernel.files.list('/sys/bus/mdev/devices')).toEqual([])
})

test('the library’s host on it is one, as a real machine is, and ends it', async () => {
  const mock = createMockHost()
  const host = mock.host()
  expect(mock.host()).toBe(host)
  const { name = '' } = await host.start({ parent: 'mtty', type: 'mtty-1' })
  await host.openDevice(name)
  expect(mock.inspect.open).not.toEqual([])
  await host.close()
  expect(mock.inspect.open).toEqual([])
})

test('a host answers as the kernel that it is asked to', () => {
  const { files } = createMockHost('demo', { kernel: '6.12' }).kernel
  expect(files.read('/proc/sys/kernel/osrelease')).toBe('6.12.0\n')
})

test('a type that is there already is refused', () => {
  const make = (context: DeviceContext) => new Bell(context)
  expect(() => createMockHost('demo', { models: [{ parent: 'mtty', type: 'mtty-1', make }] })).toThrow(RangeError)
})

describe('inspection', () => {
  test('shows interrupts in the order they were raised, also those nobody hears', async () => {
    const { mock, device, uuid } = await openModel((context) => new Bell(context))
    mock.clock.hold()
    device.regions.bar0.write32(0, 1)
    mock.clock.advance(5)
    device.regions.bar0.write32(0, 0)
    const [first, second] = mock.inspect.interrupts
    expect(first).toMatchObject({ device: uuid, index: msi, vector: 1 })
    expect(second).toMatchObject({ device: uuid, index: msi, vector: 0 })
    expect((second?.at ?? 0) - (first?.at ?? 0)).toBe(5)
  })

  test('shows what is open, and that nothing is once all is closed', async () => {
    const { mock, device } = await openModel((context) => new Bell(context))
    expect(mock.inspect.open).toContain('anon_inode:[vfio-device]')
    device.close()
    expect(mock.inspect.open).toEqual([])
  })
})

describe('a storm', () => {
  test('of messages is one event with its count', async () => {
    const { mock, device, uuid } = await openModel((context) => new Bell(context))
    await using irq = device.irqs.msi.enable([1])
    mock.storm(uuid, { index: msi, vector: 1, times: 10_000 })
    expect(await irq.next({ timeoutMs: 1000 })).toEqual({ vector: 1, count: 10_000 })
  })

  test('of a line is held back until it is unmasked', async () => {
    const { mock, device, uuid } = await openModel((context) => new Bell(context))
    await using irq = device.irqs.intx.enable([0])
    mock.storm(uuid, { index: intx, times: 1000 })
    expect(await irq.next({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
    irq.unmask()
    expect(await irq.next({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
  })

  test('needs the device open, and the interrupt', async () => {
    const { mock, device, uuid } = await openModel((context) => new Bell(context))
    expect(() => mock.storm(uuid, { index: 3, times: 1 })).toThrow(RangeError)
    device.close()
    expect(() => mock.storm(uuid, { index: msi, times: 1 })).toThrow(RangeError)
  })
})

test('a device that is pulled out asks to be let go, is not reached any more, and is gone once closed', async () => {
  const { mock, host, device, uuid } = await openModel((context) => new Bell(context))
  await using release = device.irqs.req.enable([0])
  const unplugged = mock.unplug(uuid)
  expect(await release.next({ timeoutMs: 1000 })).toMatchObject({ count: 1 })
  expect(() => device.regions.bar0.read32(0)).toThrow(/EIO/)
  device.close()
  await unplugged
  expect(host.list().devices).toEqual([])
})

test('a PCI device that is pulled out reads as all ones, and is off the bus once closed', async () => {
  const mock = createMockHost()
  await using host = mock.host()
  const { files } = mock.kernel
  const address = '0000:00:1f.6'
  const folder = `/sys/bus/pci/devices/${address}`
  await files.write(`${folder}/driver_override`, 'vfio-pci')
  await files.write(`${folder}/driver/unbind`, address)
  await files.write('/sys/bus/pci/drivers_probe', address)
  const device = await host.openDevice(address)
  expect(device.regions.config.read16(0)).toBe(0x8086)
  const unplugged = mock.unplug(address)
  expect(device.regions.config.read16(0)).toBe(0xffff)
  device.close()
  await unplugged
  expect(files.kind(folder)).toBeNull()
})

test('attributes of a model stand in its device’s folder, and what is written to them stays', async () => {
  const attributes = [
    { path: 'vendor/name', value: 'bell of {uuid}', access: 'r' },
    { path: 'vendor/volume', value: '3', access: 'rw' },
  ] as const
  const make = (context: DeviceContext) => new Bell(context)
  const mock = createMockHost('demo', { models: [{ parent: 'tower', type: 'bell-1', attributes, make }] })
  await using host = mock.host()
  const { name: uuid } = await host.start({ parent: 'tower', type: 'bell-1' })
  const { files } = mock.kernel
  const folder = `/sys/bus/mdev/devices/${uuid}/vendor`
  expect(files.read(`${folder}/name`)).toBe(`bell of ${uuid}\n`)
  await files.write(`${folder}/volume`, '11')
  expect(files.read(`${folder}/volume`)).toBe('11\n')
  expect(mock.inspect.writes.at(-1)).toMatchObject({ path: `${folder}/volume`, text: '11' })
})

test('a PCI function may be the test’s own, behind vfio-pci', async () => {
  const address = '0000:00:1f.6'
  const stored = new Uint8Array(4096)
  const make = () => ({
    load: (_bar: number, offset: number, into: Uint8Array) => into.set(stored.subarray(offset, offset + into.length)),
    store: (_bar: number, offset: number, from: Uint8Array) => stored.set(from, offset),
    reset() {},
    close() {},
    save: () => null,
  })
  const what = { configSize: 256, config: { '0x4': '02' }, bars: { 0: 4096 }, rom: 0, reset: false } as const
  const mock = createMockHost('demo', { functions: [{ address, ...what, make }] })
  await using host = mock.host()
  const { files } = mock.kernel
  const folder = `/sys/bus/pci/devices/${address}`
  await files.write(`${folder}/driver_override`, 'vfio-pci')
  await files.write(`${folder}/driver/unbind`, address)
  await files.write('/sys/bus/pci/drivers_probe', address)
  const device = await host.openDevice(address)
  device.regions.bar0.write32(8, 0xcafe)
  using mapped = device.regions.bar0.map()
  expect(mapped.read32(8)).toBe(0xcafe)
  expect(() => createMockHost('demo', { functions: [{ address: '0000:ff:00.0', ...what, make }] })).toThrow(RangeError)
})
