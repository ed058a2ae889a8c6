import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { Host } from '../../../src/host.ts'
import { channelProgram } from '../../../src/vfio/ccw/channel-program.ts'
import { contractKernel } from '../kernel.ts'
import { isWithVfio, subchannelUnderTest } from './open-subchannel.ts'

const type = 'vfio_ccw-io'

/** A host, and its subchannel that a test may take. */
function hostWithSubchannel(context: TestContext): { host: Host; parent: string } {
  const { kernel } = contractKernel()
  const host = new Host(kernel)
  onTestFinished(() => host.close())
  const parent = subchannelUnderTest(context, kernel)
  return { host, parent }
}

test('a subchannel is given to vfio_ccw, offers one device, and is given back', async (context) => {
  const { host, parent } = hostWithSubchannel(context)
  if (isWithVfio(host.kernel, parent))
    context.skip('an earlier test has had a device of it: Linux may not survive the end')
  const device = `css/${parent}`
  const offered = () => host.types({ parent }).types
  expect(await host.bind({ device })).toMatchObject([{ from: 'io_subchannel', to: 'vfio_ccw', changed: true }])
  expect(await host.bind({ device })).toMatchObject([{ changed: false, steps: [] }])
  expect(offered()).toMatchObject([
    { parent, type, name: 'I/O subchannel (Non-QDIO)', deviceApi: 'vfio-ccw', available: 1, devices: [] },
  ])

  expect(await host.release({ device })).toMatchObject([{ from: 'vfio_ccw', to: 'io_subchannel', changed: true }])
  expect(offered()).toEqual([])
})

test('its device is defined, started, opened, stopped and undefined, and it is not given back unasked then', async (context) => {
  const { host, parent } = hostWithSubchannel(context)
  await host.bind({ device: `css/${parent}` })
  const uuid = randomUUID()
  await host.define({ name: uuid, parent, type })
  expect(await host.start({ name: uuid })).toMatchObject({ uuid, parent, type, changed: true })
  const [listed] = host.list({ name: uuid }).devices
  expect(listed).toMatchObject({ parent, type, typeName: 'I/O subchannel (Non-QDIO)', active: true })
  expect(host.types({ parent }).types).toMatchObject([{ available: 0, devices: [uuid] }])
  await expect(host.start({ parent, type })).rejects.toMatchObject({ code: 'NO_INSTANCE_LEFT' })

  const device = await host.openDevice(uuid)
  const buffer = await device.dma.allocate(4096, { addressBits: 31 })
  buffer.view().set(channelProgram([{ command: 'no-op', suppressLength: true }]))
  const io = device.irqs.io.enable([0])
  device.subchannel.start({ program: buffer.iova })
  await io.next({ timeoutMs: 10_000 })
  expect(device.subchannel.irb()).toMatchObject({ device: { channelEnd: true, deviceEnd: true } })
  await expect(host.stop({ name: uuid })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
  device.close()

  expect(await host.stop({ name: uuid })).toMatchObject({ changed: true })
  await host.undefine({ name: uuid })
  expect(host.list({ name: uuid }).devices).toEqual([])

  await expect(host.release({ device: `css/${parent}` })).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    message: expect.stringContaining('Linux may crash if vfio_ccw lets go of it, as it has had a mediated device'),
  })
})
