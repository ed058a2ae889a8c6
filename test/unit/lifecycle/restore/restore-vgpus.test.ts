import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'

/** A simulated host that can be switched off and on again. */
function machine() {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'vfioctl-reboot-'))
  const open = () => new Host(createMockKernel('gpu-host', { stateDirectory }))
  let host = open()
  onTestFinished(() => host[Symbol.asyncDispose]())
  return {
    get host() {
      return host
    },
    reboot: async () => {
      await host[Symbol.asyncDispose]()
      rebootMock(stateDirectory, gpuHost)
      host = open()
    },
  }
}

function vgpus(host: Host): string[] {
  return host.list({ active: true }).devices.map(({ name, type }) => `${name} ${type}`)
}

test('after a reboot a restore gives each function the type that it had, in both driver models', async () => {
  const it = machine()
  await it.host.setVirtualFunctions({ device: '41:00.0', count: 'all' })
  await it.host.setVirtualFunctions({ device: '61:00.0', count: 8 })
  // not in the order of their addresses
  for (const name of ['0000:41:00.7', '0000:41:02.1']) await it.host.start({ parent: name, type: 'L40S-24Q' })
  for (const name of ['0000:61:01.1', '0000:61:00.5']) await it.host.start({ parent: name, type: 'DC-12Q' })
  await it.host.start({ parent: '0000:61:00.4', type: 'DC-12Q' })
  const defined = ['0000:41:00.7', '0000:41:02.1', '0000:61:01.1', '0000:61:00.5']
  for (const name of defined) await it.host.define({ name, start: 'auto' })
  const before = vgpus(it.host)

  await it.reboot()
  expect(vgpus(it.host)).toEqual([])
  expect(it.host.physicalFunctions().functions.map(({ count }) => count)).toEqual([0, 0, 0, 0])

  const { results, warnings } = await it.host.restore()
  expect(warnings).toEqual([])
  expect(results.filter(({ parent }) => parent === '0000:41:00.0').map(({ kind }) => kind)).toEqual([
    'sriov',
    'vgpu',
    'vgpu',
  ])
  expect(results.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 6 }, () => 'started'))
  // the one that was not defined is gone
  expect(vgpus(it.host)).toEqual(before.filter((line) => !line.startsWith('0000:61:00.4')))

  const again = await it.host.restore()
  expect(again.results.map(({ outcome }) => outcome)).toEqual(Array.from({ length: 6 }, () => 'already-there'))
})

test('a vGPU whose card has no virtual functions is told as missing, with what makes them', async () => {
  const it = machine()
  await it.host.define({ name: '0000:41:00.4', type: 'L40S-8Q', start: 'auto' })
  await it.reboot()
  const { results } = await it.host.restore({ timeoutMs: 20 })
  expect(results).toMatchObject([
    { kind: 'vgpu', name: '0000:41:00.4', outcome: 'no-parent', error: { hint: 'vfioctl sriov 0000:41:00.0 32' } },
  ])
})
