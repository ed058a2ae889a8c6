import { randomUUID } from 'node:crypto'
import { expect, onTestFinished, test } from 'vitest'
import type { Host } from '../../../src/host.ts'
import { checkNamesAreThere } from '../../../src/lifecycle/kinds/named-device.ts'
import { openHost } from '../../../src/open-host.ts'

const parent = '0000:3b:00.0'
const spellings = [parent, '3b:00.0', '3B:00.0', '0000:3B:00.0']

function demoHost(): Host {
  const host = openHost({ mock: 'demo' })
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

test.each(spellings)('a parent is meant by the PCI address %s, whatever is asked of it', async (given) => {
  const host = demoHost()
  const [type] = host.types({ parent: given }).types
  expect(type).toMatchObject({ parent })
  const uuid = randomUUID()
  const request = { uuid, parent: given, type: 'nvidia-222' }
  expect(await host.define(request)).toMatchObject({ parent, changed: true })
  expect(await host.define({ ...request, force: true })).toMatchObject({ parent, changed: false })
  expect(host.list({ parent: given }).devices).toMatchObject([{ uuid, parent }])
  expect(await host.modify({ name: uuid, parent: given, start: 'auto' })).toMatchObject({ parent, changed: true })
  expect(await host.start({ name: uuid, parent: given })).toMatchObject({ parent, changed: true })
  expect(await host.stop({ name: uuid, parent: given })).toMatchObject({ parent, changed: true })
  expect(await host.undefine({ name: uuid, parent: given })).toMatchObject([{ parent, changed: true }])
  expect(await host.start(request)).toMatchObject({ parent, changed: true })
  expect(await host.define({ name: uuid, parent: given })).toMatchObject({ parent, type: 'nvidia-222', changed: true })
})

test.each([
  ['demo', /no parent 'mtti' offers mediated devices; did you mean 'mtty'/],
  ['gpu-host', /no parent 'mtti' offers mediated devices or vGPUs/],
])('on %s, a parent that is not there is looked for among what makes devices there', async (mock, said) => {
  const host = openHost({ mock })
  onTestFinished(() => host[Symbol.asyncDispose]())
  expect(() => checkNamesAreThere(host.kernel.files, { parent: 'mtti' })).toThrow(said)
})
