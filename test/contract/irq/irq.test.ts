import { setTimeout } from 'node:timers/promises'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { openDevice } from '../../../src/vfio/device.ts'
import type { EnabledIrq } from '../../../src/vfio/irq/irq-enabled.ts'
import { Irqs } from '../../../src/vfio/irq/irqs.ts'
import { isLinuxBefore } from '../kernel.ts'
import { addsMsixVectors } from '../machine.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci, type PciName } from '../pci.ts'
import { signal, signals } from './irq-eventfds.ts'
import { openRawPci } from './irq-raw.ts'

const edu = { status: 0x20, irqStatus: 0x24, factorial: 0x08, raise: 0x60, acknowledge: 0x64 } as const

function code(expected: string, facts: object = {}) {
  return expect.objectContaining({ code: expected, facts: expect.objectContaining(facts) })
}

/** Long enough for an interrupt that should not come to have come. */
const aWhile = 50

async function nothingComes(irq: EnabledIrq): Promise<void> {
  await expect(irq.next({ timeoutMs: aWhile })).rejects.toThrow(code('INTERRUPT_TIMEOUT', { timeoutMs: aWhile }))
}

async function openEdu(context: TestContext, name: PciName = 'edu') {
  const opened = await openPci(context, name)
  const bar0 = opened.device.regions.bar0
  onTestFinished(() => {
    if (!opened.device.closed) bar0.write32(edu.acknowledge, 0xffff_ffff)
  })
  return { ...opened, bar0 }
}

describe.each([
  ['edu', 'msi'],
  ['nvme', 'msix'],
  ['e1000e', 'msi'],
  ['e1000e', 'msix'],
] as const)('the vectors of %s %s', (name, kind) => {
  test('are silent before a trigger, signal once after each, and are silent when disabled', async (context) => {
    const { device, kernel } = await openPci(context, name)
    const irq = device.irqs.get(kind)
    const eventfds = Array.from({ length: Math.min(16, irq.count) }, () => kernel.eventfd())
    onTestFinished(() => {
      for (const eventfd of eventfds) kernel.close(eventfd)
    })
    const enabled = irq.enable(eventfds.map((eventfd, vector) => ({ vector, eventfd })))
    for (const [vector, eventfd] of eventfds.entries()) {
      expect(signals(kernel, eventfd)).toBe(0)
      enabled.trigger(vector)
      expect(eventfds.map((each) => signals(kernel, each))).toEqual(eventfds.map((each) => Number(each === eventfd)))
    }
    enabled.close()
    const again = irq.enable(Array.from(eventfds.keys()))
    for (const vector of eventfds.keys()) again.trigger(vector)
    expect(eventfds.map((eventfd) => signals(kernel, eventfd))).toEqual(eventfds.map(() => 0))
    const waited = eventfds.map(() => again.waitSync({ timeoutMs: 1000 }))
    expect(waited).toEqual(Array.from(eventfds.keys(), (vector) => ({ vector, count: 1 })))
    again.close()
  })
})

describe('vectors', () => {
  test('MSI-X vectors can be added from Linux 6.5 on a PC; before, those set up at first are all there are', async (context) => {
    const opened = await openPci(context, 'nvme')
    const { msix } = opened.device.irqs
    expect(msix.flags.noresize).toBe(isLinuxBefore(opened, 6, 5) || !addsMsixVectors)
    const enabled = msix.enable([0, 1])
    if (msix.flags.noresize) {
      expect(() => enabled.add([3])).toThrow(code('NOT_SUPPORTED', { vector: 3, enabled: [0, 1] }))
      enabled.close()
      return
    }
    enabled.trigger(1)
    enabled.add([3])
    for (const vector of [0, 3]) enabled.trigger(vector)
    const events = [0, 1, 3].map((vector) => enabled.waitSync({ vector, timeoutMs: 1000 }))
    expect(events).toEqual([0, 1, 3].map((vector) => ({ vector, count: 1 })))
  })

  test('vectors that lie between those enabled can be added on every kernel, and removed', async (context) => {
    const { device } = await openPci(context, 'nvme')
    const enabled = device.irqs.msix.enable([0, 3])
    enabled.add([2])
    enabled.remove([0])
    for (const vector of enabled.vectors) enabled.trigger(vector)
    expect(() => enabled.trigger(0)).toThrow(code('NOT_FOUND', { vector: 0, enabled: [3, 2] }))
    expect([enabled.waitSync({ timeoutMs: 1000 }), enabled.waitSync({ timeoutMs: 1000 })]).toEqual([
      { vector: 3, count: 1 },
      { vector: 2, count: 1 },
    ])
    enabled.add([0])
    enabled.trigger(0)
    expect(await enabled.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
  })

  test('are of one way of delivery at a time: INTx, MSI or MSI-X, which the error names', async (context) => {
    const { device } = await openPci(context, 'e1000e')
    for (const [active, other] of [
      ['msi', 'msix'],
      ['msix', 'intx'],
      ['intx', 'msi'],
    ] as const) {
      const enabled = device.irqs.get(active).enable([0])
      expect(() => device.irqs.get(other).enable([0])).toThrow(code('DEVICE_BUSY', { irq: other, active }))
      enabled.close()
    }
  })

  test('cannot be enabled where someone else has another way of delivery enabled: DEVICE_BUSY', async (context) => {
    const { device, descriptor } = await openRawPci(context, 'e1000e')
    const others = new Irqs(descriptor, device.info)
    const enabled = device.irqs.msi.enable([0])
    expect(() => others.msix.enable([0])).toThrow(expect.objectContaining({ code: 'DEVICE_BUSY', errno: 'EINVAL' }))
    enabled.close()
    others.msix.enable([0]).close()
  })

  test('go in any order of closing: set, device, or the device alone', async (context) => {
    const { device, kernel, address, group } = await openPci(context, 'edu')
    const enabled = device.irqs.msi.enable([0])
    const waiting = enabled.next()
    device.close()
    await expect(waiting).rejects.toThrow(code('CLOSED'))
    enabled.close()
    expect(enabled.closed).toBe(true)
    const again = openDevice(kernel, { group, name: address })
    const irq = again.irqs.msi.enable([0])
    irq.trigger(0)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
    again.close()
  })

  test("signal another's eventfd, which stays open, and which two devices may share", async (context) => {
    const { device, kernel } = await openPci(context, 'nvme')
    const eventfd = kernel.eventfd()
    onTestFinished(() => kernel.close(eventfd))
    const enabled = device.irqs.msix.enable([0, 1].map((vector) => ({ vector, eventfd })))
    for (const vector of [0, 1, 1]) enabled.trigger(vector)
    expect(signals(kernel, eventfd)).toBe(3)
    enabled.close()
    expect(signals(kernel, eventfd)).toBe(0)
  })

  test('do not take what is no eventfd, nor a closed one', async (context) => {
    const { device, kernel } = await openPci(context, 'edu')
    const node = kernel.open('/sys/bus/pci/devices', 'r')
    onTestFinished(() => kernel.close(node))
    const closed = kernel.eventfd()
    kernel.close(closed)
    for (const [eventfd, errno] of [
      [node, 'EINVAL'],
      [closed, 'EBADF'],
    ] as const) {
      expect(() => device.irqs.msi.enable([{ vector: 0, eventfd }])).toThrow(
        expect.objectContaining({ code: 'INVALID_ARGUMENT', errno }),
      )
    }
    device.irqs.msi.enable([0]).close()
  })
})

describe('an MSI', () => {
  test('is a write to memory: it comes only once the device is bus master', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const irq = device.irqs.msi.enable([0])
    expect(device.pci.busMaster).toBe(false)
    bar0.write32(edu.raise, 1)
    await nothingComes(irq)
    bar0.write32(edu.acknowledge, 1)
    device.pci.busMaster = true
    bar0.write32(edu.raise, 1)
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
    bar0.write32(edu.acknowledge, 1)
  })

  test('cannot be masked', async (context) => {
    const { device } = await openPci(context, 'edu')
    const irq = device.irqs.msi.enable([0])
    expect(() => irq.mask()).toThrow(code('NOT_SUPPORTED'))
    expect(() => irq.resampleEventfd()).toThrow(code('NOT_SUPPORTED'))
  })

  test('tells that a computation is done, to a thread that blocks for it', async (context) => {
    const { device, bar0, name } = await openEdu(context)
    if (name === 'mock') context.skip('on the mock, nothing happens while its one thread blocks')
    device.pci.busMaster = true
    const irq = device.irqs.msi.enable([0])
    bar0.write32(edu.status, 0x80)
    bar0.write32(edu.factorial, 10)
    expect(irq.waitSync({ timeoutMs: 20_000 })).toEqual({ vector: 0, count: 1 })
    expect([bar0.read32(edu.factorial), bar0.read32(edu.irqStatus)]).toEqual([3_628_800, 1])
    bar0.write32(edu.status, 0)
  })
})

describe('an INTx', () => {
  test.for(['edu', 'edu-root-port'] as const)(
    'INTx of %s stands in the status register for as long as the device asserts it, enabled or not',
    async (name, context) => {
      const { device } = await openPci(context, name)
      const { bar0, config } = device.regions
      const isAsserted = () => (config.read16(0x06) & 0x08) !== 0
      expect(isAsserted()).toBe(false)
      bar0.write32(edu.raise, 1)
      expect(isAsserted()).toBe(true)
      bar0.write32(edu.acknowledge, 1)
      expect(isAsserted()).toBe(false)
    },
  )

  test('is asserted no more once MSI is enabled, nor when that is disabled again', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const status = () => device.regions.config.read16(0x06) & 0x08
    bar0.write32(edu.raise, 1)
    expect(status()).toBe(0x08)
    const irq = device.irqs.msi.enable([0])
    expect(status()).toBe(0)
    irq.close()
    expect([status(), bar0.read32(edu.irqStatus)]).toEqual([0, 1])
  })

  test('is asserted no more after a reset, whatever the device still has to say', async (context) => {
    const { device } = await openPci(context, 'edu-root-port')
    const { bar0, config } = device.regions
    bar0.write32(edu.raise, 1)
    await device.reset()
    device.pci.memoryDecode = true
    expect([config.read16(0x06) & 0x08, bar0.read32(edu.irqStatus)]).toEqual([0, 1])
    bar0.write32(edu.acknowledge, 1)
  })

  test('comes without the device being bus master, once, and masks itself', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const irq = device.irqs.intx.enable([0])
    expect(device.pci.busMaster).toBe(false)
    bar0.write32(edu.raise, 1)
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
    bar0.write32(edu.raise, 2)
    await nothingComes(irq)
  })

  test('comes again when it is unmasked while the device still holds it, and not when it does not', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const irq = device.irqs.intx.enable([0])
    bar0.write32(edu.raise, 1)
    for (let again = 0; again < 5; again++) {
      expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
      irq.unmask()
    }
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
    bar0.write32(edu.acknowledge, 1)
    irq.unmask()
    await nothingComes(irq)
  })

  test('is held back while masked, and comes when unmasked', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const irq = device.irqs.intx.enable([0])
    irq.mask()
    bar0.write32(edu.raise, 1)
    await nothingComes(irq)
    irq.unmask()
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
  })

  test('is unmasked by a write to its resample eventfd', async (context) => {
    const { device, bar0, kernel } = await openEdu(context)
    const irq = device.irqs.intx.enable([0])
    const resample = irq.resampleEventfd()
    bar0.write32(edu.raise, 1)
    for (let again = 0; again < 3; again++) {
      expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
      signal(kernel, resample)
    }
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
    bar0.write32(edu.acknowledge, 1)
    signal(kernel, resample)
    await nothingComes(irq)
  })

  test('autoUnmask gives one event for each time that the device raises it', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const irq = device.irqs.intx.enable([0], { autoUnmask: true })
    bar0.write32(edu.raise, 1)
    let told = 0
    for await (const { count } of irq.events()) {
      told += count
      expect(bar0.read32(edu.irqStatus)).toBe(told)
      bar0.write32(edu.acknowledge, 0xffff_ffff)
      if (told === 20) break
      bar0.write32(edu.raise, told + 1)
    }
    expect(told).toBe(20)
    await nothingComes(irq)
  })

  test('an INTx that the device holds when it is disabled does not flood the host, and the next one comes', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const irq = device.irqs.intx.enable([0])
    bar0.write32(edu.raise, 1)
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
    irq.close()
    await setTimeout(aWhile)
    bar0.write32(edu.acknowledge, 1)
    const again = device.irqs.intx.enable([0])
    bar0.write32(edu.raise, 1)
    expect(await again.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
  })

  test('an interrupt whose only vector is removed comes no more, and is enabled again by adding it', async (context) => {
    const { device, bar0 } = await openEdu(context)
    const irq = device.irqs.intx.enable([0])
    irq.remove([0])
    bar0.write32(edu.raise, 1)
    await setTimeout(aWhile)
    irq.add([0])
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
  })
})

describe('a loopback trigger', () => {
  test('a trigger of INTx comes through a mask', async (context) => {
    const { device } = await openEdu(context)
    const irq = device.irqs.intx.enable([0])
    irq.trigger(0)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
    irq.mask()
    irq.trigger(0)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
  })

  test('works for req, beside any other', async (context) => {
    const { device } = await openPci(context, 'edu')
    const msi = device.irqs.msi.enable([0])
    const req = device.irqs.req.enable([0])
    req.trigger(0)
    expect(await req.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
    await nothingComes(msi)
  })

  test('works for err of a PCI Express device', async (context) => {
    const { device } = await openPci(context, 'nvme')
    const err = device.irqs.err.enable([0])
    err.trigger(0)
    expect(await err.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
  })
})

describe('the interrupts of mtty', () => {
  const [data, ier, fcr, mcr] = [0, 1, 2, 4]

  // On 6.1 its driver goes on with an eventfd that was given back: nothing is written to its registers after the close.
  async function openMtty(context: TestContext, kind: 'intx' | 'msi') {
    const opened = await openMdev(context, 'mtty', 'mtty-2')
    const irq = opened.device.irqs.get(kind).enable([0])
    return { ...opened, irq, uart: opened.device.regions.bar0 }
  }

  test('each counts on MSI: two writes are two', async (context) => {
    const { irq, uart } = await openMtty(context, 'msi')
    uart.write8(ier, 0x02)
    uart.write8(ier, 0x02)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 2 })
    uart.read8(data)
    expect(await irq.next({ timeoutMs: 10_000 })).toEqual({ vector: 0, count: 1 })
  })

  test('RDI comes at the first byte once FCR was written, not before', async (context) => {
    const { irq, uart } = await openMtty(context, 'msi')
    uart.write8(ier, 0x01)
    uart.write8(data, 0x41)
    await nothingComes(irq)
    uart.write8(fcr, 0xc7)
    uart.write8(data, 0x41)
    uart.write8(data, 0x42)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
  })

  test('modem control tells of OUT2, and of RTS and DTR', async (context) => {
    const { irq, uart } = await openMtty(context, 'msi')
    uart.write8(ier, 0x08)
    uart.write8(mcr, 0x0b)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 2 })
  })

  test('INTx masks itself from Linux 6.7 on and forgets what came meanwhile; before, it counts each', async (context) => {
    const opened = await openMtty(context, 'intx')
    const { irq, uart } = opened
    for (let i = 0; i < 3; i++) uart.write8(ier, 0x02)
    const old = isLinuxBefore(opened, 6, 7)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: old ? 3 : 1 })
    irq.unmask()
    await nothingComes(irq)
    uart.write8(ier, 0x02)
    expect(irq.waitSync({ timeoutMs: 1000 })).toEqual({ vector: 0, count: 1 })
  })
})
