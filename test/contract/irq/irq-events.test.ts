import { once } from 'node:events'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { encodeIrqSet } from '../../../src/uapi/irq.ts'
import { request } from '../../../src/uapi/requests.ts'
import { type OpenResources, openResources } from '../../open-resources.ts'
import { isSoak, tell } from '../../soak.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci } from '../pci.ts'
import { openRawPci } from './irq-raw.ts'

const interrupts = isSoak ? 100_000 : 1000
const ier = 1
/** Of edu. */
const [raise, acknowledge] = [0x60, 0x64]
const mebi = 2 ** 20

async function openMttyMsi(context: TestContext) {
  const { device, kernel } = await openMdev(context, 'mtty', 'mtty-1')
  return { kernel, uart: device.regions.bar0, irq: device.irqs.msi.enable([0]) }
}

/** From the tenth part of the interrupts on to the last. */
function expectNoMore(after: OpenResources, before: OpenResources): void {
  tell(`${expect.getState().currentTestName}: ${JSON.stringify({ before, after })}`)
  expect(after.descriptors).toBe(before.descriptors)
  expect(after.heap - before.heap).toBeLessThan(mebi)
}

test(`${interrupts} interrupts one after the other: none is lost, memory and descriptors stay`, async (context) => {
  const { kernel, uart, irq } = await openMttyMsi(context)
  let told = 0
  let before = await openResources(kernel)
  uart.write8(ier, 0x02)
  for await (const { count } of irq.events()) {
    told += count
    if (told === interrupts / 10) before = await openResources(kernel)
    if (told === interrupts) break
    uart.write8(ier, 0x02)
  }
  expectNoMore(await openResources(kernel), before)
})

test(`${interrupts} interrupts waited for in each of three ways: each is told once, memory and descriptors stay`, async (context) => {
  const { kernel, uart, irq } = await openMttyMsi(context)
  const events = irq.events()
  const told = { iterated: 0, promised: 0, waitedFor: 0 }
  let before = await openResources(kernel)
  for (let round = 0; round < interrupts; round++) {
    if (round === interrupts / 10) before = await openResources(kernel)
    const iterated = events.next()
    uart.write8(ier, 0x02)
    told.iterated += (await iterated).value?.count ?? 0
    const promised = irq.next()
    uart.write8(ier, 0x02)
    told.promised += (await promised).count
    uart.write8(ier, 0x02)
    told.waitedFor += irq.waitSync({ timeoutMs: 10_000 }).count
  }
  expect(told).toEqual({ iterated: interrupts, promised: interrupts, waitedFor: interrupts })
  expectNoMore(await openResources(kernel), before)
})

test(`${interrupts} interrupts of edu: each is told once, memory and descriptors stay`, async (context) => {
  const { device, kernel } = await openPci(context, 'edu')
  const { bar0 } = device.regions
  device.pci.busMaster = true
  const irq = device.irqs.msi.enable([0])
  let told = 0
  let before = await openResources(kernel)
  for (let round = 0; round < interrupts; round++) {
    if (round === interrupts / 10) before = await openResources(kernel)
    const promised = irq.next()
    bar0.write32(raise, 1)
    told += (await promised).count
    bar0.write32(acknowledge, 1)
  }
  expect(told).toBe(interrupts)
  expectNoMore(await openResources(kernel), before)
})

test('interrupts that come faster than they are handled are counted, none lost', async (context) => {
  const { uart, irq } = await openMttyMsi(context)
  const rounds = 20
  let sent = 0
  let told = 0
  const storm = () => {
    for (let i = 0; i < 100; i++) uart.write8(ier, 0x02)
    sent += 100
  }
  storm()
  for await (const { count } of irq.events()) {
    told += count
    if (sent < rounds * 100) {
      storm()
      await setImmediate()
    } else if (told === sent) break
  }
  expect(told).toBe(rounds * 100)
})

test('an INTx that is unmasked from another thread while triggers storm comes on as before', async (context) => {
  const { device, descriptor, name } = await openRawPci(context, 'edu')
  if (name === 'mock') context.skip('the mock has one thread')
  const bar0 = device.regions.bar0
  const irq = device.irqs.intx.enable([0])
  const unmask = encodeIrqSet({ index: 0, start: 0, count: 1, action: 'unmask', data: null })
  const code = `const { addon, fd, request, bytes } = require('node:worker_threads').workerData
    const module = { exports: {} }
    process.dlopen(module, addon)
    const { parentPort } = require('node:worker_threads')
    parentPort.postMessage('ready')
    let calls = 0
    while (calls < 2000) { module.exports.ioctl(fd, request, bytes); calls++ }
    parentPort.postMessage(calls)`
  const worker = new Worker(code, {
    eval: true,
    workerData: {
      addon: join(import.meta.dirname, '../../../build/Release/vfioctl.node'),
      fd: descriptor.fd,
      request: request.VFIO_DEVICE_SET_IRQS,
      bytes: unmask,
    },
  })
  onTestFinished(async () => {
    await worker.terminate()
  })
  await once(worker, 'message')
  const unmasked = once(worker, 'message')
  let sent = 0
  let told = 0
  let stop = false
  const calls = unmasked.then(([count]) => {
    stop = true
    return Number(count)
  })
  while (!stop) {
    for (let i = 0; i < 20; i++) irq.trigger(0)
    sent += 20
    while (told < sent) told += irq.waitSync({ timeoutMs: 10_000 }).count
    await setImmediate()
  }
  expect(await calls).toBe(2000)
  expect(told).toBe(sent)
  irq.unmask()
  bar0.write32(0x60, 1)
  expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
  bar0.write32(0x64, 1)
})

test('many sets enabled and closed leave nothing open', async (context) => {
  const { device, kernel } = await openPci(context, 'nvme')
  device.irqs.msix.enable([0, 1, 2]).close()
  const before = await openResources(kernel)
  for (let i = 0; i < 200; i++) {
    const irq = device.irqs.msix.enable([0, 1, 2])
    const waiting = irq.next().catch(() => null)
    irq.close()
    await waiting
  }
  expect((await openResources(kernel)).descriptors).toBe(before.descriptors)
})
