import { setImmediate } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { VfioError } from '../../../src/base/errors.ts'
import type { Device } from '../../../src/vfio/device.ts'
import { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import type { LowPower } from '../../../src/vfio/features/low-power.ts'
import type { EnabledIrq } from '../../../src/vfio/irq/irq-enabled.ts'
import { openDescriptors } from '../../descriptors.ts'
import { behindRootPort, closeAll, type Devices, openDevices } from './devices.ts'

interface Underway extends Devices {
  readonly enabled: EnabledIrq
  readonly asleep: LowPower
}

async function underway(): Promise<Underway> {
  const devices = await openDevices()
  const { edu, nvme } = devices
  return { ...devices, enabled: edu.irqs.msi.enable([0]), asleep: nvme.enterLowPower({ wakeup: true }) }
}

/** Pinned in several pieces, between which other things get their turn. */
const large = 256 * 2 ** 20

async function savedOf({ migration }: Device): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = []
  for await (const chunk of migration.save({ chunkBytes: 16 })) chunks.push(chunk)
  return chunks
}

async function drained(stream: AsyncIterable<unknown>): Promise<number> {
  let count = 0
  for await (const _ of stream) count++
  return count
}

/** By what is under way when everything is closed: it comes to an end, as an answer or as CLOSED. */
const works: Readonly<Record<string, (world: Underway) => Promise<unknown>>> = {
  'a wait for an interrupt': ({ enabled }) => enabled.next(),
  'a wait with a timeout': ({ enabled }) => enabled.next({ timeoutMs: 2 ** 31 - 1 }),
  'a wait that a signal could end': ({ enabled }) => enabled.next({ signal: new AbortController().signal }),
  'a loop over interrupts': ({ enabled }) => drained(enabled.events()),
  'a wait for a wake-up': ({ asleep }) => asleep.woken(),
  'a reset': ({ nvme }) => nvme.reset(),
  'memory that is being mapped': ({ edu }) => edu.dma.allocate(large),
  'state that is being saved': ({ serial }) => savedOf(serial),
  'state that is being restored': async ({ serial }) => serial.migration.restore(await savedOf(serial)),
}

describe('everything is closed during', () => {
  test.each(Object.keys(works))('%s: it ends, and nothing is left open', async (name) => {
    const world = await underway()
    const work = works[name]?.(world)
    for (let turn = 0; turn < (name.startsWith('state') ? 3 : 1); turn++) await setImmediate()
    closeAll(world)
    await expectEnd(work)
    expect(openDescriptors(world.host.kernel)).toEqual(world.before)
  })
})

async function expectEnd(work: Promise<unknown> | undefined): Promise<void> {
  const [end] = await Promise.allSettled([work])
  if (end?.status === 'rejected') {
    expect(end.reason).toBeInstanceOf(VfioError)
    expect(end.reason).toMatchObject({ code: 'CLOSED' })
  }
}

describe('the caller’s own code', () => {
  test('closes the device in a loop over its interrupts: the loop ends', async () => {
    const world = await underway()
    const { enabled, edu } = world
    enabled.trigger(0)
    let events = 0
    for await (const _ of enabled.events()) {
      events++
      edu.close()
    }
    expect(events).toBe(1)
  })

  test('throws in a loop over interrupts: the next event is for whoever waits next', async () => {
    const { enabled } = await underway()
    enabled.trigger(0)
    const loop = async () => {
      for await (const _ of enabled.events()) throw new Error('the caller’s')
    }
    await expect(loop()).rejects.toThrow('the caller’s')
    enabled.trigger(0)
    await expect(enabled.next({ timeoutMs: 1000 })).resolves.toEqual({ vector: 0, count: 1 })
  })

  test('leaves a save after closing the device: there is nothing more to do', async () => {
    const world = await underway()
    const { serial } = world
    for await (const _ of serial.migration.save({ chunkBytes: 16 })) {
      serial.close()
      break
    }
    closeAll(world)
    expect(openDescriptors(world.host.kernel)).toEqual(world.before)
  })

  test('throws while a device saves: the device runs on, and can be saved again', async () => {
    const { serial } = await underway()
    const loop = async () => {
      for await (const _ of serial.migration.save({ chunkBytes: 16 })) throw new Error('the caller’s')
    }
    await expect(loop()).rejects.toThrow('the caller’s')
    expect(serial.migration.state).toBe('running')
    expect(await savedOf(serial)).not.toEqual([])
  })

  test('throws in the stream that a device is restored from: the device runs, and the error says what was thrown', async () => {
    const { serial } = await underway()
    const [first] = await savedOf(serial)
    const broken = function* () {
      if (first !== undefined) yield first
      throw new Error('the caller’s')
    }
    await expect(serial.migration.restore(broken())).rejects.toMatchObject({
      name: 'VfioError',
      message: 'the caller’s',
      cause: expect.objectContaining({ message: 'the caller’s' }),
    })
    expect(serial.migration.state).toBe('running')
  })

  test('closes the device in the stream that it is restored from: CLOSED', async () => {
    const world = await underway()
    const { serial } = world
    const chunks = await savedOf(serial)
    const closing = function* () {
      for (const chunk of chunks) {
        yield chunk
        serial.close()
      }
    }
    await expect(serial.migration.restore(closing())).rejects.toMatchObject({ name: 'VfioError', code: 'CLOSED' })
    closeAll(world)
    expect(openDescriptors(world.host.kernel)).toEqual(world.before)
  })

  test('closes the irq where it aborts a wait: the wait ends with the reason of the abort', async () => {
    const { enabled } = await underway()
    const controller = new AbortController()
    controller.signal.addEventListener('abort', () => enabled.close())
    const wait = enabled.next({ signal: controller.signal })
    const reason = new Error('enough')
    controller.abort(reason)
    await expect(wait).rejects.toMatchObject({ code: 'CLOSED' })
    expect(enabled.closed).toBe(true)
  })
})

describe('a device that is closed while others share its address space', () => {
  test('leaves their mappings and buffers', async () => {
    const world = await underway()
    const other = world.space.attach(behindRootPort)
    const buffer = await world.edu.dma.allocate(4096)
    world.edu.close()
    expect(buffer.closed).toBe(false)
    buffer.view()[0] = 1
    other.close()
    buffer.close()
    closeAll(world)
    expect(openDescriptors(world.host.kernel)).toEqual(world.before)
  })
})

test('a buffer that JavaScript cannot view says so: a device’s memory has accessors alone', async () => {
  const { edu } = await underway()
  const mapped = edu.regions.bar0.map()
  const parts = { iova: 0n, offset: 0, size: 4096, access: 'rw', unmap: () => {}, owned: null } as const
  const buffer = new DmaBuffer({ ...parts, memory: mapped.mappingAt(0).mapping })
  expect(() => buffer.view()).toThrow(
    expect.objectContaining({ name: 'VfioError', code: 'NOT_SUPPORTED', errno: 'EOPNOTSUPP' }),
  )
})

test('memory of 4 GiB and more is there or is not, and no RangeError', async () => {
  const { edu } = await underway()
  for (const size of [2 ** 32 + 4096, 2 ** 52, Number.MAX_SAFE_INTEGER]) {
    const [end] = await Promise.allSettled([edu.dma.allocate(size)])
    if (end?.status === 'rejected') expect(end.reason).toBeInstanceOf(VfioError)
    else end?.value.close()
  }
})
