import { onTestFinished } from 'vitest'
import type { Device, Host, OpenDeviceOptions } from '../../../../src/index.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { type DeviceContext, MdevModel, MockHost, type Scenario } from '../../../../src/mock.ts'

/** A device that does nothing by itself, and leaves what its driver can do to the test. */
export class Bare extends MdevModel {}

export interface OpenModel<M extends MdevModel> {
  readonly mock: MockHost
  readonly host: Host
  readonly device: Device
  readonly uuid: string
  readonly model: M
  /** One for each time that the device was opened anew. */
  readonly made: readonly M[]
}

/** A model as the only device of a host of its own, opened. The parent is virtual unless told. */
export async function openModel<M extends MdevModel>(
  make: (context: DeviceContext) => M,
  { parent = 'bench', scenario = demo, ...options }: { parent?: string; scenario?: Scenario } & OpenDeviceOptions = {},
): Promise<OpenModel<M>> {
  const made: M[] = []
  const mock = new MockHost(scenario, {
    models: [
      {
        parent,
        type: 'bench-1',
        make(context) {
          const model = make(context)
          made.push(model)
          return model
        },
      },
    ],
  })
  const host = mock.host()
  onTestFinished(() => host[Symbol.asyncDispose]())
  const { name: uuid } = await host.start({ parent, type: 'bench-1' })
  if (uuid === undefined) throw new Error('the change names no device')
  const device = await host.openDevice(uuid, options)
  const [model] = made
  if (model === undefined) throw new Error('opening the device made no model')
  return { mock, host, device, uuid, model, made }
}

export const readWrite = { read: true, write: true } as const
