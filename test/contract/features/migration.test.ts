import { describe, expect, type TestContext, test } from 'vitest'
import { kernelOrder } from '../../../src/base/byte-order.ts'
import type { Migration, MigrationState } from '../../../src/vfio/features/migration.ts'
import type { Region } from '../../../src/vfio/region/region.ts'
import { isLinuxBefore } from '../kernel.ts'
import { type OpenMdev, openMdev } from '../open-mdev.ts'

const headerSize = 24
const portSize = 36

async function openMigrating(context: TestContext, type: 'mtty-1' | 'mtty-2'): Promise<OpenMdev> {
  const opened = await openMdev(context, 'mtty', type)
  if (isLinuxBefore(opened, 6, 7)) context.skip('mtty migrates since Linux 6.7')
  return opened
}

function say(port: Region, text: string): void {
  port.write8(2, 0x07)
  for (const byte of Buffer.from(text)) port.write8(0, byte)
}

function hear(port: Region): string {
  const bytes: number[] = []
  while ((port.read8(5) & 0x01) !== 0) bytes.push(port.read8(0))
  return Buffer.from(bytes).toString()
}

async function savedOf(migration: Migration): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of migration.save()) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT' })

describe('a saved mtty', () => {
  test('gives its text to a second one, which has it in its FIFO, and its scratch register', async (context) => {
    const first = (await openMigrating(context, 'mtty-2')).device
    say(first.regions.bar0, 'left unread')
    say(first.regions.bar1, 'and here')
    first.regions.bar1.write8(7, 0x5a)
    const saved = await savedOf(first.migration)
    expect(first.migration.state).toBe('stop')
    const second = (await openMigrating(context, 'mtty-2')).device
    expect(hear(second.regions.bar0)).toBe('')
    await second.migration.restore([saved])
    expect(second.migration.state).toBe('running')
    expect([hear(second.regions.bar0), hear(second.regions.bar1)]).toEqual(['left unread', 'and here'])
    expect([second.regions.bar0.read8(7), second.regions.bar1.read8(7)]).toEqual([0, 0x5a])
  })

  test.for([
    ['mtty-1', 1],
    ['mtty-2', 2],
  ] as const)('is a header and 36 bytes of each port, as long as it says: %s', async ([type, ports], context) => {
    const { migration } = (await openMigrating(context, type)).device
    expect(migration.can).toEqual({ stopCopy: true, p2p: true, preCopy: true })
    expect(migration.stopCopySize()).toBe(BigInt(headerSize + ports * portSize))
    const saved = await savedOf(migration)
    expect(saved.length).toBe(headerSize + ports * portSize)
    const header = new DataView(saved.buffer, saved.byteOffset)
    const [magic, ...versions] = [header.getBigUint64(0, kernelOrder), header.getUint32(8, kernelOrder)]
    expect([magic, ...versions, header.getUint32(16, kernelOrder)]).toEqual([0x7e9d_0989_8c3e_2c4en, 1, ports])
  })

  test('is taken in pieces of any size, and from a stream that takes its time', async (context) => {
    const { device } = await openMigrating(context, 'mtty-1')
    say(device.regions.bar0, 'bit by bit')
    const saved = await savedOf(device.migration)
    hear(device.regions.bar0)
    async function* slowly() {
      for (const byte of saved) {
        await Promise.resolve()
        yield Uint8Array.of(byte)
      }
    }
    await device.migration.restore(slowly(), { run: false })
    expect(device.migration.state).toBe('stop')
    device.migration.move('running')
    expect(hear(device.regions.bar0)).toBe('bit by bit')
  })

  test('is no longer than its limit, or the device goes on as it was', async (context) => {
    const { device } = await openMigrating(context, 'mtty-1')
    say(device.regions.bar0, 'stays')
    const limited = async () => {
      for await (const _ of device.migration.save({ limit: 30, chunkBytes: 10 }));
    }
    await expect(limited()).rejects.toEqual(expect.objectContaining({ code: 'OUT_OF_RANGE', facts: { limit: 30 } }))
    expect(device.migration.state).toBe('running')
    expect(hear(device.regions.bar0)).toBe('stays')
  })

  test('goes on running where the reader stops early', async (context) => {
    const { device } = await openMigrating(context, 'mtty-1')
    for await (const _ of device.migration.save()) break
    expect(device.migration.state).toBe('running')
    expect((await savedOf(device.migration)).length).toBe(headerSize + portSize)
  })

  test.for([
    ['truncated', (saved: Buffer) => [saved.subarray(0, -1)]],
    ['of the header alone', (saved: Buffer) => [saved.subarray(0, headerSize)]],
    ['empty', () => []],
    ['with another magic', (saved: Buffer) => [changed(saved, 0)]],
    ['of another version', (saved: Buffer) => [changed(saved, 8)]],
    ['of another number of ports', (saved: Buffer) => [changed(saved, 16)]],
    ['with unknown flags', (saved: Buffer) => [changed(saved, 20)]],
    ['a byte too long', (saved: Buffer) => [saved, Uint8Array.of(0)]],
    ['too long at once', (saved: Buffer) => [Buffer.concat([saved, saved])]],
  ] as const)('is refused where it is %s, and the device runs on with what it had', async ([, spoil], context) => {
    const { device } = await openMigrating(context, 'mtty-1')
    const saved = await savedOf(device.migration)
    device.migration.move('running')
    say(device.regions.bar0, 'kept')
    await expect(device.migration.restore(spoil(saved))).rejects.toEqual(refused)
    expect(device.migration.state).toBe('running')
    expect(hear(device.regions.bar0)).toBe('kept')
    await device.migration.restore([saved])
    expect(hear(device.regions.bar0)).toBe('')
  })

  test('a device with one port refuses the state of one with two', async (context) => {
    const saved = await savedOf((await openMigrating(context, 'mtty-2')).device.migration)
    const { migration } = (await openMigrating(context, 'mtty-1')).device
    await expect(migration.restore([saved.subarray(0, headerSize + portSize)])).rejects.toEqual(refused)
  })
})

describe('pre-copy', () => {
  test('has the header to say, and nothing once that is read', async (context) => {
    const { migration } = (await openMigrating(context, 'mtty-2')).device
    const data = stream(migration.move('pre-copy'))
    expect(data.preCopyInfo()).toEqual({ initialBytes: 24n, dirtyBytes: 0n })
    const bytes = new Uint8Array(100)
    expect(data.read(bytes.subarray(0, 10))).toBe(10)
    expect(data.preCopyInfo()).toEqual({ initialBytes: 14n, dirtyBytes: 0n })
    expect([data.read(bytes), data.read(bytes)]).toEqual([14, 0])
    expect(data.preCopyInfo()).toEqual({ initialBytes: 0n, dirtyBytes: 0n })
    expect(migration.move('stop-copy')).toBe(data)
    expect(() => data.preCopyInfo()).toThrow(refused)
    expect([data.read(bytes), data.read(bytes)]).toEqual([2 * portSize, 0])
  })

  test('ends where the device runs again: its stream is closed', async (context) => {
    const { migration } = (await openMigrating(context, 'mtty-1')).device
    const data = stream(migration.move('pre-copy'))
    expect(migration.move('running')).toBe(null)
    expect(() => data.read(new Uint8Array(1))).toThrow(expect.objectContaining({ code: 'CLOSED' }))
  })
})

/** Every state that a device can be asked to be in, and from which no way leads to which. */
const states = ['stop', 'running', 'stop-copy', 'resuming', 'running-p2p', 'pre-copy', 'pre-copy-p2p'] as const
const blocked: Readonly<Record<string, readonly MigrationState[]>> = { 'stop-copy': ['pre-copy', 'pre-copy-p2p'] }

test.for(states)('the device gets from %s to every state that a way leads to', async (from, context) => {
  const opened = await openMigrating(context, 'mtty-1')
  const { migration } = opened.device
  const saved = await savedOf(migration)
  const reach = (state: MigrationState) => {
    migration.move('running')
    const data = migration.move(state)
    if (state === 'resuming') data?.write(saved)
  }
  for (const to of states) {
    reach(from)
    expect(migration.state).toBe(from)
    if (blocked[from]?.includes(to) === true) expect(() => migration.move(to)).toThrow(refused)
    else {
      migration.move(to)
      expect(migration.state).toBe(to)
    }
    if (migration.state === 'resuming')
      stream(migration.move('resuming')).write(from === 'resuming' ? new Uint8Array() : saved)
  }
  reach(from)
  expect(() => migration.move('error')).toThrow(refused)
  expect(migration.state).toBe(from)
})

test('mtty does not migrate before Linux 6.7', async (context) => {
  const opened = await openMdev(context, 'mtty', 'mtty-1')
  if (!isLinuxBefore(opened, 6, 7)) return context.skip('mtty migrates since Linux 6.7')
  expect(() => opened.device.migration).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED', errno: 'ENOTTY' }))
})

function changed(saved: Buffer, at: number): Buffer {
  const bytes = Buffer.from(saved)
  bytes.writeUInt8((bytes.readUInt8(at) + 1) & 0xff, at)
  return bytes
}

function stream(data: ReturnType<Migration['move']>) {
  if (data === null) throw new Error('no stream')
  return data
}
