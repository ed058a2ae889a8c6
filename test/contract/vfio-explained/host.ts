import { expect, onTestFinished, type TestContext } from 'vitest'
import { type Device, Host, type Kernel } from '../../../src/index.ts'
import { createMockHost, type DeviceContext, type MdevModel, type MockHost } from '../../../src/mock.ts'
import { contractKernel } from '../kernel.ts'

/** A host for one test: this machine where VFIOCTL_TEST_KERNEL is `linux`, else a mock one with the same devices. */
function hostUnderTest(): Host {
  return hostOf(contractKernel().kernel)
}

/** A host on a kernel whose devices a test has prepared; what is opened on it is closed before `afterwards`. */
export function hostOf(kernel: Kernel, afterwards: () => Promise<void> = async () => {}): Host {
  const host = new Host(kernel)
  onTestFinished(afterwards)
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

/** A serial card of the kernel's sample driver mtty, with two ports; gone after the test. */
export async function openMtty({ skip }: TestContext): Promise<{ host: Host; device: Device }> {
  const host = hostUnderTest()
  if (host.types({ parent: 'mtty' }).types.length === 0) skip('module mtty is not loaded')
  const { name: uuid } = await host.start({ parent: 'mtty', type: 'mtty-2' })
  onTestFinished(async () => {
    await host.stop({ name: uuid })
  })
  const device = await host.openDevice(uuid)
  onTestFinished(() => device.close())
  return { host, device }
}

/** A mock host whose only new device is the one that the test wrote, opened. Its parent is virtual, or on the PCI bus. */
export async function openModel<M extends MdevModel>(
  Model: new (context: DeviceContext) => M,
  parent = 'teaching-card',
): Promise<{ mock: MockHost; host: Host; device: Device; model: M }> {
  const made: M[] = []
  const make = (context: DeviceContext) => {
    const model = new Model(context)
    made.push(model)
    return model
  }
  const mock = createMockHost('demo', { models: [{ parent, type: 'teaching-1', make }] })
  const host = new Host(mock.kernel)
  onTestFinished(() => host[Symbol.asyncDispose]())
  const { name: uuid } = await host.start({ parent, type: 'teaching-1' })
  const device = await host.openDevice(uuid)
  const [model] = made
  if (model === undefined) throw new Error('opening the device made no model')
  return { mock, host, device, model }
}

export function error(code: string, facts: object = {}): unknown {
  return expect.objectContaining({ name: 'VfioError', code, ...facts })
}
