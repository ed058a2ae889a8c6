// All that nobody closes, or closes in any order, is gone in the end: the device opens again, and can be taken away.
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, type TestContext, test } from 'vitest'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import type { IommuMode } from '../../../src/vfio/address-space/address-space.ts'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import { openDescriptors } from '../../descriptors.ts'
import { type DeviceFixture, deviceFixtures } from '../device-fixtures.ts'
import { bindForMode, skipWithoutMode } from '../iommu-modes.ts'
import { isLinuxBefore } from '../kernel.ts'

/** Runs dist/, which `npm test` builds. */
const program = join(import.meta.dirname, 'programs/hold-device.mjs')
const modes = ['type1v2', 'iommufd'] as const
const names = ['mtty', 'edu'] as const

async function placeFor(context: TestContext, name: (typeof names)[number], iommu: IommuMode): Promise<DeviceFixture> {
  const place = await deviceFixtures[name](context)
  skipWithoutMode(context, place.kernel, iommu)
  return place
}

/** Bytes that are locked in memory: what is mapped for a device. */
function locked({ files }: Kernel): number[] {
  const status = files.read('/proc/self/status')
  return ['VmLck', 'VmPin'].map((name) => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]))
}

async function take(device: Device) {
  const { regions, irqs, dma } = device
  const irq = irqs.msi.enable([0])
  const waiting = irq.next().catch(() => null)
  const buffer = await dma.allocate(0x4000)
  const mapped = regions.bar0.flags.mmap ? regions.bar0.map() : null
  return { irq, waiting, buffer, mapped }
}

/** All that was held of it can be had again. */
async function expectFree({ kernel, address }: DeviceFixture, iommu: IommuMode): Promise<void> {
  const device = openDevice(kernel, address, { iommu })
  const { irq, waiting } = await take(device)
  device.close()
  await waiting
  expect(() => irq.trigger(0)).toThrow(expect.objectContaining({ code: 'CLOSED' }))
}

describe.each(modes)('a Worker that is terminated with a device open in mode %s', (iommu) => {
  const cases = [
    { name: 'edu', way: 'while it does nothing' },
    { name: 'edu', way: 'while it waits for an interrupt' },
    { name: 'edu', way: 'while it accesses registers' },
    { name: 'mtty', way: 'while its thread is blocked for an interrupt' },
    { name: 'mtty', way: 'while it migrates' },
  ] as const
  test.for(cases)('$name, $way: leaves nothing', async ({ name, way }, context) => {
    const place = await placeFor(context, name, iommu)
    const { kernel, address } = place
    if (kernel.name === 'mock') context.skip('each Worker has a mock of its own')
    if (way === 'while it migrates' && isLinuxBefore(place, 6, 7)) context.skip('mtty migrates since Linux 6.7')
    const before = { descriptors: openDescriptors(kernel).length, locked: locked(kernel) }
    const worker = new Worker(program, { workerData: { name: address.name, iommu, way } })
    expect(await once(worker, 'message')).toEqual(['holding'])
    expect(() => openDevice(kernel, address, { iommu })).toThrow(expect.objectContaining({ code: 'DEVICE_BUSY' }))
    await worker.terminate()
    expect({ descriptors: openDescriptors(kernel).length, locked: locked(kernel) }).toEqual(before)
    await expectFree(place, iommu)
  })

  test('edu-root-port, while it is being reset: leaves nothing', async (context) => {
    const bound = await bindForMode(context, iommu, 'edu-root-port')
    const { kernel } = bound
    if (kernel.name === 'mock') context.skip('each Worker has a mock of its own')
    const before = openDescriptors(kernel).length
    const workerData = { name: bound.address, iommu, way: 'while the device is being reset' }
    const worker = new Worker(program, { workerData })
    await once(worker, 'message')
    await worker.terminate()
    expect(openDescriptors(kernel).length).toBe(before)
    await expectFree({ kernel, address: { group: bound.group, name: bound.address } }, iommu)
  })
})

describe.each(modes)('a process that forgets a device in mode %s', (iommu) => {
  test.for([
    { name: 'edu', end: 'exit', ended: [0, null] },
    { name: 'edu', end: 'throw', ended: [1, null] },
    { name: 'mtty', end: 'kill', ended: [null, 'SIGKILL'] },
  ] as const)('$name, and ends by $end: leaves nothing', async ({ name, end, ended }, context) => {
    const place = await placeFor(context, name, iommu)
    if (place.kernel.name === 'mock') context.skip('each process has a mock of its own')
    const { status, signal, stdout, stderr } = spawnSync(process.execPath, [program, place.address.name, iommu, end], {
      encoding: 'utf8',
    })
    expect(stdout, stderr).toMatch(/^\d held$/)
    expect([status, signal]).toEqual(ended)
    await expectFree(place, iommu)
  })
})

/** Every order of these. */
function orders<T>(items: readonly T[]): T[][] {
  if (items.length === 0) return [[]]
  return items.flatMap((first) => orders(items.filter((item) => item !== first)).map((rest) => [first, ...rest]))
}

describe.each(modes)('closing in mode %s', (iommu) => {
  test.for(names)(
    '%s: device, interrupt, buffer, mapping, address space, in every order, each twice',
    async (name, context) => {
      const { kernel, address } = await placeFor(context, name, iommu)
      const before = { descriptors: openDescriptors(kernel).length, locked: locked(kernel) }
      const what = ['device', 'irq', 'buffer', 'space', ...(name === 'edu' ? (['mapped'] as const) : [])] as const
      for (const order of orders(what)) {
        const device = openDevice(kernel, address, { iommu })
        const { irq, waiting, buffer, mapped } = await take(device)
        const taken = { device, irq, buffer, mapped, space: device.addressSpace }
        for (const one of order) {
          taken[one]?.close()
          taken[one]?.close()
        }
        await waiting
        const after = { descriptors: openDescriptors(kernel).length, locked: locked(kernel) }
        expect({ order, ...after }).toEqual({ order, ...before })
      }
    },
  )
})
