import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { driverOf } from '../../mock/pci/pci-scenario.ts'

const network = '0000:81:00.0'
const [vf0, vf1] = ['0000:81:01.0', '0000:81:01.1']
const l40s = '0000:41:00.0'

function gpuHost(): Host {
  const host = new Host(createMockKernel('gpu-host'))
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

function pci(device: string, attribute: string): string {
  return `/sys/bus/pci/devices/${device}/${attribute}`
}

/** A restore that waits for nothing: whom it tells of waiting, and what became of all. */
async function atOnce(host: Host) {
  const waitingFor: string[] = []
  const began = performance.now()
  const { results } = await host.restore({ onWaiting: (parent) => waitingFor.push(parent) })
  expect(performance.now() - began).toBeLessThan(20_000)
  expect(waitingFor).toEqual([])
  return results
}

describe('a restore waits only for what can still come', () => {
  test('not for a card that is gone, a function of it, or what is defined on it: each with how to forget it', async () => {
    const host = gpuHost()
    const { files } = host.kernel
    await host.setVirtualFunctions({ device: network, count: 2 })
    await host.bind({ device: vf0 })
    await host.setVirtualFunctions({ device: network, count: 0 })
    await host.bind({ device: '0000:81:00.1' })
    await host.setVirtualFunctions({ device: network, count: 2 })
    await files.write(pci(network, 'sriov_numvfs'), '0')
    await files.write(pci(network, 'remove'), '1')
    await files.write(pci('0000:81:00.1', 'remove'), '1')
    const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
    await host.define({ name: uuid, parent: network, type: 'any-1', start: 'auto', force: true })
    expect(await atOnce(host)).toMatchObject([
      { kind: 'binding', parent: '0000:81:00.1', outcome: 'no-parent' },
      {
        kind: 'binding',
        parent: vf0,
        outcome: 'no-parent',
        error: { hint: `lspci; vfioctl release ${vf0} forgets it` },
      },
      { kind: 'sriov', error: { hint: `lspci; vfioctl sriov ${network} 0 forgets the number` } },
      {
        kind: 'mdev',
        error: { hint: expect.stringContaining(`vfioctl undefine -u ${uuid} -p ${network} forgets it`) },
      },
    ])
  })

  test('not for functions of another card, which has none', async () => {
    const host = gpuHost()
    const { files } = host.kernel
    files.makeDirectory('/etc/vfioctl.d')
    files.makeDirectory('/etc/vfioctl.d/sriov')
    files.create('/etc/vfioctl.d/sriov/0000:82:00.0.json', '{"count":4}')
    expect(await atOnce(host)).toMatchObject([
      { outcome: 'no-parent', error: { code: 'NOT_SUPPORTED', message: expect.stringContaining('another card') } },
    ])
  })

  test('not for a vGPU whose card has no functions, and none kept; nor where the card is gone', async () => {
    const host = gpuHost()
    await host.define({ name: '0000:41:00.4', type: 'L40S-8Q', start: 'auto' })
    await host.setVirtualFunctions({ device: l40s, count: 0 })
    const missing = { kind: 'vgpu', name: '0000:41:00.4', outcome: 'no-parent' }
    expect(await atOnce(host)).toMatchObject([{ ...missing, error: { hint: `vfioctl sriov ${l40s} 32` } }])
    await host.kernel.files.write(pci(l40s, 'remove'), '1')
    const hint = 'lspci; vfioctl undefine 0000:41:00.4 forgets it'
    expect(await atOnce(host)).toMatchObject([{ ...missing, error: { hint } }])
    await host.undefine({ name: '0000:41:00.4' })
    expect(await atOnce(host)).toEqual([])
  })

  test('for a function that its card’s number makes; where that fails, no longer', async () => {
    const host = gpuHost()
    await host.setVirtualFunctions({ device: network, count: 2 })
    await host.bind({ device: vf1 })
    const { files } = host.kernel
    // as after a boot
    await files.write(pci(network, 'sriov_numvfs'), '0')
    const { results } = await host.restore()
    expect(results).toMatchObject([
      { kind: 'binding', parent: vf1, outcome: 'started' },
      { kind: 'sriov', outcome: 'started' },
    ])
    expect(driverOf(host.kernel, vf1)).toBe('vfio-pci')
    await files.write(pci(network, 'sriov_numvfs'), '0')
    await files.write(pci(network, 'driver/unbind'), network)
    const waitingFor: string[] = []
    const began = performance.now()
    const late = await host.restore({ timeoutMs: 300, onWaiting: (parent) => waitingFor.push(parent) })
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(waitingFor.sort()).toEqual([network, vf1])
    expect(late.results.map(({ outcome }) => outcome)).toEqual(['no-parent', 'no-parent'])
  })
})

describe('the driver that is kept for a virtual function', () => {
  test('is given again to the one that comes in its place, and a dry run has the writes', async () => {
    const host = gpuHost()
    await host.setVirtualFunctions({ device: network, count: 4 })
    await host.bind({ device: vf0 })
    const dry = await host.setVirtualFunctions({ device: network, count: 8 }, { dryRun: true })
    expect(dry.steps.slice(3)).toEqual([
      { action: 'write', path: pci(vf0, 'driver_override'), value: 'vfio-pci' },
      { action: 'write', path: pci(vf0, 'driver/unbind'), value: vf0 },
      { action: 'write', path: '/sys/bus/pci/drivers_probe', value: vf0 },
    ])
    const said: string[] = []
    const change = await host.setVirtualFunctions(
      { device: network, count: 8 },
      { onMessage: (line) => said.push(line) },
    )
    expect(change.steps).toEqual(dry.steps)
    expect(said).toEqual([`${vf0} is with vfio-pci again, as is kept for it`])
    expect(driverOf(host.kernel, vf0)).toBe('vfio-pci')
    expect(driverOf(host.kernel, vf1)).not.toBe('vfio-pci')
  })

  test('is kept while the card has no such function: that is said, and no restore fails for it', async () => {
    const host = gpuHost()
    await host.setVirtualFunctions({ device: network, count: 4 })
    await host.bind({ device: vf0 })
    const said: string[] = []
    await host.setVirtualFunctions({ device: network, count: 0 }, { onMessage: (line) => said.push(line) })
    expect(said).toEqual([
      expect.stringMatching(`^${vf0} is gone; VFIO’s best driver is kept for it .*release ${vf0} forgets it`),
    ])
    expect(await atOnce(host)).toEqual([])
    await host.setVirtualFunctions({ device: network, count: 1 })
    expect(driverOf(host.kernel, vf0)).toBe('vfio-pci')
  })

  test('is not given to a function of another kind of card', async () => {
    const host = gpuHost()
    await host.setVirtualFunctions({ device: network, count: 1 })
    await host.bind({ device: vf0 })
    const kept = keptBindings.read(host.kernel.files, vf0)
    if (kept !== null) keptBindings.save(host.kernel.files, vf0, { ...kept, device: '0xffff' })
    await host.setVirtualFunctions({ device: network, count: 2 })
    expect(driverOf(host.kernel, vf0)).not.toBe('vfio-pci')
  })

  test('which cannot be had makes the command fail, and the functions are there: the message says so', async () => {
    const host = gpuHost()
    await host.setVirtualFunctions({ device: network, count: 2 })
    for (const device of [vf0, vf1]) {
      await host.bind({ device })
      const kept = keptBindings.read(host.kernel.files, device)
      if (kept !== null) keptBindings.save(host.kernel.files, device, { ...kept, driver: 'not-loaded' })
    }
    await expect(host.setVirtualFunctions({ device: network, count: 3 })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringMatching(
        /no PCI driver not-loaded.*has its 3 virtual functions all the same, and 1 more failed/,
      ),
      hint: expect.stringContaining('modprobe not-loaded'),
    })
    expect(host.physicalFunctions().functions.find(({ address }) => address === network)?.count).toBe(3)
  })
})
