import { describe, expect, test } from 'vitest'
import type { Region } from '../../../src/vfio/region/region.ts'
import type { RegionAccess } from '../../../src/vfio/region/region-access.ts'
import { registerBlock } from '../../../src/vfio/registers/register-block.ts'
import { Edu } from '../drivers/edu-driver.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci } from '../pci.ts'

const ways: readonly (readonly [string, (region: Region) => RegionAccess])[] = [
  ['trapped', (region) => region],
  ['mapped', (region) => region.map()],
]

describe.each(ways)('the registers of edu, %s', (_way, access) => {
  test('are fields and numbers', async (context) => {
    const edu = access((await openPci(context, 'edu')).device.regions.bar0).as(Edu)
    expect(edu.identification.fields()).toEqual({ id: 0xed, minor: 0, major: 1 })
    edu.liveness.write(0x0f0f_0f0f)
    expect(edu.liveness.read()).toBe(0xf0f0_f0f0)
  })

  test('compute a factorial', async (context) => {
    const edu = access((await openPci(context, 'edu')).device.regions.bar0).as(Edu)
    edu.factorial.write(10)
    while (edu.status.fields().computing) await new Promise((resolve) => setTimeout(resolve, 1))
    expect(edu.factorial.read()).toBe(3_628_800)
  })

  test('are updated field by field', async (context) => {
    const edu = access((await openPci(context, 'edu')).device.regions.bar0).as(Edu)
    edu.status.update({ interruptWhenDone: true })
    expect(edu.status.fields()).toEqual({ computing: false, interruptWhenDone: true })
    edu.status.update({ interruptWhenDone: false })
    expect(edu.status.read()).toBe(0)
  })

  test('write-only registers set what another shows', async (context) => {
    const edu = access((await openPci(context, 'edu')).device.regions.bar0).as(Edu)
    edu.interruptRaise.write(0x6)
    edu.interruptAcknowledge.write(0x2)
    expect(edu.interruptStatus.read()).toBe(0x4)
    edu.interruptAcknowledge.write(0x4)
    expect(edu.interruptStatus.read()).toBe(0)
  })
})

const Nvme = registerBlock({
  capabilities: { offset: 0x00, width: 64, access: 'r', fields: { queueEntries: [15, 0], contiguous: 16 } },
  capabilitiesInHalves: { offset: 0x00, width: 64, access: 'r', order: 'high-low' },
  submissionQueue: { offset: 0x28, width: 64, order: 'low-high', fields: { page: [63, 12] } },
  completionQueue: { offset: 0x30, width: 64, order: 'high-low', fields: { page: [63, 12] } },
})

test.for(ways)('64-bit registers of nvme are the same whole and in halves, %s', async ([, access], context) => {
  const nvme = access((await openPci(context, 'nvme')).device.regions.bar0).as(Nvme)
  const { queueEntries, contiguous } = nvme.capabilities.fields()
  expect([queueEntries > 0n, contiguous]).toEqual([true, true])
  expect(nvme.capabilitiesInHalves.read()).toBe(nvme.capabilities.read())
  nvme.submissionQueue.write({ page: 0x12_3456_789an })
  nvme.completionQueue.write({ page: 0xab_cdef_0123n })
  expect([nvme.submissionQueue.read(), nvme.completionQueue.read()]).toEqual([0x12_3456_789a_000n, 0xab_cdef_0123_000n])
  nvme.submissionQueue.update({ page: 1n })
  expect(nvme.submissionQueue.read()).toBe(0x1000n)
})

const Uart = registerBlock({
  receiver: { offset: 0, width: 8, access: 'r' },
  transmitter: { offset: 0, width: 8, access: 'w' },
  fifoControl: { offset: 2, width: 8, access: 'w', fields: { enable: 0, clearReceiver: 1, clearTransmitter: 2 } },
  lineControl: { offset: 3, width: 8, fields: { wordLength: [1, 0], divisorLatch: 7 } },
  lineStatus: { offset: 5, width: 8, access: 'r', fields: { dataReady: 0, overrun: 1, empty: [6, 5] } },
  scratch: { offset: 7, width: 8, fields: { low: [3, 0], high: [7, 4] } },
})

test('the registers of mtty loop text back', async (context) => {
  const port = (await openMdev(context, 'mtty', 'mtty-1')).device.regions.bar0.as(Uart)
  port.fifoControl.write({ enable: true, clearReceiver: true, clearTransmitter: true })
  expect(port.lineStatus.fields()).toEqual({ dataReady: false, overrun: false, empty: 3 })
  for (const byte of Buffer.from('typed')) port.transmitter.write(byte)
  const received: number[] = []
  while (port.lineStatus.fields().dataReady) received.push(port.receiver.read())
  expect(Buffer.from(received).toString()).toBe('typed')
  port.lineControl.update({ divisorLatch: true })
  port.lineControl.update({ wordLength: 3, divisorLatch: false })
  expect(port.lineControl.read()).toBe(0x03)
  port.scratch.write(0x5a)
  port.scratch.update({ low: 0xf })
  expect(port.scratch.fields()).toEqual({ low: 0xf, high: 0x5 })
})
