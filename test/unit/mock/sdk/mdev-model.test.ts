import { describe, expect, onTestFinished, test } from 'vitest'
import type { Device, Host } from '../../../../src/index.ts'
import {
  createMockHost,
  type DeviceContext,
  MdevModel,
  MemoryRegion,
  MessageIrq,
  type MockHost,
  PciConfig,
  TrappedRegion,
} from '../../../../src/mock.ts'

const bar0 = 0
const bar2 = 2
const configIndex = 7
const msi = 1

/** Adds what is written to 0x0 and 0x4; the sum is at 0x8 a second later, told by MSI. BAR2 is memory. */
class Adder extends MdevModel {
  readonly #operands = new DataView(new ArrayBuffer(8))
  #sum = 0
  readonly #done = this.addIrq(msi, new MessageIrq())
  readonly #memory = this.addRegion(bar2, new MemoryRegion({ size: 0x3000, mmap: { fault: (page) => page !== 1 } }))

  constructor(context: DeviceContext) {
    super(context)
    this.addRegion(configIndex, new PciConfig({ vendor: 0x1234, device: 0xadd0, class: 0x0b4000 }))
    this.addRegion(
      bar0,
      new TrappedRegion({
        size: 0x10,
        read: (offset) => (offset === 8 ? this.#sum : 0),
        write: (offset, value) => {
          if (offset < 8) this.#operands.setUint32(offset, value)
          else context.clock.after(1000, () => this.#add())
        },
      }),
    )
  }

  override reset(): void {
    this.#memory.takeBack()
  }

  #add(): void {
    this.#sum = this.#operands.getUint32(0) + this.#operands.getUint32(4)
    this.#done.raise()
  }
}

async function openAdder(): Promise<{ mock: MockHost; host: Host; device: Device }> {
  const adder = { parent: 'adder', type: 'adder-1', make: (context: DeviceContext) => new Adder(context) }
  const mock = createMockHost('demo', { models: [adder] })
  const host = mock.host()
  onTestFinished(() => host[Symbol.asyncDispose]())
  const { name: uuid } = await host.start({ parent: 'adder', type: 'adder-1' })
  return { mock, host, device: await host.openDevice(uuid ?? '') }
}

describe('a model of the caller’s own', () => {
  test('is offered by its parent, and takes room there', async () => {
    const { host } = await openAdder()
    const { types } = host.types({ parent: 'adder' })
    expect(types).toMatchObject([{ type: 'adder-1', available: 15 }])
  })

  test('answers for its regions and interrupts', async () => {
    const { mock, device } = await openAdder()
    expect(device.regions.config.read32(0)).toBe(0xadd0_1234)
    mock.clock.hold()
    await using irq = device.irqs.msi.enable([0])
    device.regions.bar0.write32(0, 40)
    device.regions.bar0.write32(4, 2)
    device.regions.bar0.write32(8, 1)
    mock.clock.advance(999)
    expect(device.regions.bar0.read32(8)).toBe(0)
    mock.clock.advance(1)
    expect(device.regions.bar0.read32(8)).toBe(42)
    expect(await irq.next()).toEqual({ vector: 0, count: 1 })
  })

  test('supplies or refuses each page of a mapping at its first touch', async () => {
    const { device } = await openAdder()
    using mapped = device.regions.bar2.map()
    mapped.write32(0x10, 7)
    expect(device.regions.bar2.read32(0x10)).toBe(7)
    expect(() => mapped.read32(0x1000)).toThrow(/EFAULT/)
    expect(mapped.read32(0x2000)).toBe(0)
  })
})
