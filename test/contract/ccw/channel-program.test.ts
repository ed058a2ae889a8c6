import { expect, type TestContext, test } from 'vitest'
import { type ChannelCommand, channelProgram } from '../../../src/vfio/ccw/channel-program.ts'
import type { ProgramStart } from '../../../src/vfio/ccw/subchannel.ts'
import { deviceNumber, type OpenSubchannel, openSubchannel } from './open-subchannel.ts'

const dataOffset = 2048
const senseSize = 32

/** A page for the device: programs at its start, what they read in the middle. */
async function openWithPage(context: TestContext) {
  const opened = await openSubchannel(context)
  const buffer = await opened.device.dma.allocate(4096, { addressBits: 31 })
  const [program, data] = [buffer.iova, buffer.iova + BigInt(dataOffset)]
  /** Puts commands into the page; at its start unless told. */
  const load = (commands: readonly ChannelCommand[], at = 0) => buffer.view().set(channelProgram(commands), at)
  return { ...opened, program, data, load, read: () => buffer.view().subarray(dataOffset) }
}

/** Starts a program and waits for its interrupt. */
async function run({ device, io }: OpenSubchannel, request: ProgramStart) {
  device.subchannel.start(request)
  await io.next({ timeoutMs: 10_000 })
  return device.subchannel.irb()
}

test('a channel program is carried through to its interrupt, and its data is in memory', async (context) => {
  const opened = await openWithPage(context)
  const { program, data, load, read } = opened
  load([{ command: 'sense-id', address: data, count: 64, suppressLength: true }])
  const irb = await run(opened, { program })
  expect(irb).toMatchObject({
    functions: { start: true, halt: false, clear: false },
    status: { pending: true, primary: true, secondary: true, alert: false },
    activity: { startPending: false, subchannelActive: false, deviceActive: false },
    device: { channelEnd: true, deviceEnd: true, unitCheck: false },
    subchannel: { programCheck: false, incorrectLength: false },
    program: Number(program) + 8,
  })
  // 0xff, then the control unit: a virtio device's, by its kind
  expect([...read().subarray(0, 4)]).toEqual([0xff, 0x38, 0x32, 0x04])
})

test('commands follow one another, also by a transfer', async (context) => {
  const opened = await openWithPage(context)
  const { program, data, load, read } = opened
  load([
    { command: 'no-op', chainCommand: true, suppressLength: true },
    { command: 'transfer', address: program + 1024n },
    { command: 0xff },
  ])
  load([{ command: 'sense-id', address: data, count: 64, suppressLength: true }], 1024)
  const irb = await run(opened, { program })
  expect(irb).toMatchObject({ device: { deviceEnd: true, unitCheck: false }, program: Number(program) + 1024 + 8 })
  expect(read()[0]).toBe(0xff)
})

test('data goes to the addresses of a list', async (context) => {
  const opened = await openWithPage(context)
  const { program, data, load, read } = opened
  load([{ command: 'sense-id', address: data, count: 64, suppressLength: true, indirect: true }])
  const memory = await opened.device.dma.allocate(4096)
  new DataView(read().buffer, read().byteOffset).setBigUint64(0, memory.iova + 16n)
  await run(opened, { program })
  expect(memory.view()[16]).toBe(0xff)
})

test('a command that the device does not know is a unit check, and its sense says why', async (context) => {
  const opened = await openWithPage(context)
  const { program, data, load } = opened
  load([{ command: 0xff, suppressLength: true }])
  const refused = await run(opened, { program })
  expect(refused).toMatchObject({ device: { unitCheck: true }, status: { pending: true, alert: true } })
  // command reject
  expect(refused.sense?.[0]).toBe(0x80)

  load([{ command: 'sense', address: data, count: senseSize }])
  expect(await run(opened, { program })).toMatchObject({ device: { deviceEnd: true, unitCheck: false }, sense: null })
})

test('what is no command is a program check', async (context) => {
  const opened = await openWithPage(context)
  const { program, load } = opened
  load([{ command: 0x00 }])
  expect(await run(opened, { program })).toMatchObject({
    subchannel: { programCheck: true },
    status: { pending: true, alert: true },
  })
})

test('one program after the other runs', async (context) => {
  const opened = await openWithPage(context)
  const { program, load } = opened
  load([{ command: 'no-op', suppressLength: true }])
  for (let round = 0; round < 3; round++) {
    expect(await run(opened, { program })).toMatchObject({ device: { deviceEnd: true } })
  }
})

test.for(['halt', 'clear'] as const)(
  '%s ends with an interrupt, where nothing is under way too',
  async (verb, context) => {
    const { device, io } = await openSubchannel(context)
    device.subchannel[verb]()
    await io.next({ timeoutMs: 10_000 })
    expect(device.subchannel.irb()).toMatchObject({
      functions: { start: false, [verb]: true },
      status: { pending: true, primary: false },
    })
  },
)

test('a program that is not mapped for the device is refused, and another is taken then', async (context) => {
  const opened = await openWithPage(context)
  const { program, load } = opened
  load([{ command: 'sense-id', address: program - 4096n, count: 8 }])
  const refused = expect.objectContaining({ code: 'INVALID_ARGUMENT', errno: 'EINVAL' })
  // its data, its own last bytes, and all of it
  for (const at of [program, program + 4096n - 64n, program - 0x10_0000n]) {
    expect(() => opened.device.subchannel.start({ program: at })).toThrow(refused)
  }
  load([{ command: 'no-op', suppressLength: true }])
  expect(await run(opened, { program })).toMatchObject({ device: { deviceEnd: true } })
})

test('a subchannel says which device is behind it, and by which paths', async (context) => {
  const { device } = await openSubchannel(context)
  const schib = device.subchannel.schib()
  expect(schib).toMatchObject({ deviceNumber, enabled: true })
  expect(schib.paths).toMatchObject([{ index: 0, chpid: 0, logical: true, available: true, operational: true }])
  expect(schib.bytes).toHaveLength(52)
})

test('there is no channel report while nothing changes', async (context) => {
  const { device } = await openSubchannel(context)
  expect(device.subchannel.nextReport()).toBeNull()
})

test('a reset forgets what was under way, and a program runs then', async (context) => {
  const opened = await openWithPage(context)
  const { program, load } = opened
  load([{ command: 'no-op', suppressLength: true }])
  await opened.device.reset()
  expect(await run(opened, { program })).toMatchObject({ device: { deviceEnd: true } })
})
