// Nothing grows: memory and descriptors stay as they are over many accesses and many openings. Interrupts: irq-events.
import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import type { IommuMode } from '../../../src/vfio/address-space/address-space.ts'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import { type OpenResources, openResources } from '../../open-resources.ts'
import { isSoak, tell } from '../../soak.ts'
import { deviceFixtures } from '../device-fixtures.ts'
import { skipWithoutMode } from '../iommu-modes.ts'

const accesses = isSoak ? 1_000_000 : 10_000
const openings = isSoak ? 10_000 : 20
/** Bytes that one object kept per round would pass many times over in the long run. */
const allowedHeap = 2 * 2 ** 20
const allowedResident = 32 * 2 ** 20

/** A tenth of the rounds first, until caches are filled and code is compiled. */
async function expectFlat(kernel: Kernel, rounds: number, act: () => void | Promise<void>): Promise<void> {
  const repeat = async (times: number): Promise<void> => {
    for (let done = 0; done < times; done++) {
      const result = act()
      if (result !== undefined) await result
      if (done % 1000 === 999) await setImmediate()
    }
  }
  await repeat(Math.ceil(rounds / 10))
  const before = await openResources(kernel)
  const start = performance.now()
  await repeat(rounds)
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  const after = await openResources(kernel)
  tell(`${expect.getState().currentTestName}: ${rounds} in ${seconds} s, ${JSON.stringify({ before, after })}`)
  expectNoMore(after, before)
}

function expectNoMore(after: OpenResources, before: OpenResources): void {
  expect(after.descriptors).toBe(before.descriptors)
  expect(after.heap - before.heap).toBeLessThan(allowedHeap)
  expect(after.resident - before.resident).toBeLessThan(allowedResident)
}

describe(`${accesses} accesses`, () => {
  const scratch = 7
  test('trapped, of a byte of mtty', async (context) => {
    const { kernel, address } = await deviceFixtures.mtty(context)
    using device = openDevice(kernel, address)
    const { bar0 } = device.regions
    await expectFlat(kernel, accesses, () => {
      bar0.write8(scratch, 0x5a)
      bar0.read8(scratch)
    })
  })

  const liveness = 4
  test('trapped, of a register of edu', async (context) => {
    const { kernel, address } = await deviceFixtures.edu(context)
    using device = openDevice(kernel, address)
    const { bar0 } = device.regions
    await expectFlat(kernel, accesses, () => {
      bar0.write32(liveness, 5)
      bar0.read32(liveness)
    })
  })

  test('mapped, of a register of edu', async (context) => {
    const { kernel, address } = await deviceFixtures.edu(context)
    using device = openDevice(kernel, address)
    const mapped = device.regions.bar0.map()
    await expectFlat(kernel, accesses, () => {
      mapped.write32(liveness, 5)
      mapped.read32(liveness)
    })
  })
})

/** Uses a device as between opening and closing: with all that may be left behind. */
async function use(device: Device): Promise<void> {
  const { regions, irqs, dma } = device
  regions.config.read32(0)
  if (regions.bar0.flags.mmap) regions.bar0.map().read32(0)
  const irq = irqs.msi.enable([0])
  void irq.next().catch(() => {})
  const buffer = await dma.allocate(0x4000)
  buffer.view()[0] = 1
}

describe.each(['type1v2', 'iommufd'] as const)(
  `${openings} times opened, used and closed in mode %s`,
  (iommu: IommuMode) => {
    test.for(['mtty', 'edu'] as const)('%s', async (name, context) => {
      const { kernel, address } = await deviceFixtures[name](context)
      skipWithoutMode(context, kernel, iommu)
      await expectFlat(kernel, openings, async () => {
        using device = openDevice(kernel, address, { iommu })
        await use(device)
      })
    })
  },
)
