import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { boundDriver } from '../../../../src/host/group-members.ts'
import { readPciIds } from '../../../../src/host/pci-ids.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { bindKept } from '../../../../src/lifecycle/bindings/bind-kept.ts'
import { sayWhileWaiting } from '../../../../src/lifecycle/bindings/change-driver.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { crashingKernel } from '../crashing-kernel.ts'

/** Three devices of the demo that share a group: one without a driver, a sound card, and a bus. */
const group = ['0000:00:1f.0', '0000:00:1f.3', '0000:00:1f.4']
const own = [null, 'snd_hda_intel', 'i801_smbus']
const device = '0000:00:1f.3'
const card = '0000:3b:00.0'

function mock() {
  const host = createMockHost('demo')
  onTestFinished(() => host.kernel.dispose())
  return host
}

function state({ files }: Kernel, devices: readonly string[] = group) {
  return devices.map((name) => {
    const override = files.read(`/sys/bus/pci/devices/${name}/driver_override`).trim()
    return { driver: boundDriver(files, `/sys/bus/pci/devices/${name}/driver`), override }
  })
}

const untouched = own.map((driver) => ({ driver, override: '(null)' }))
const bound = own.map(() => ({ driver: 'vfio-pci', override: 'vfio-pci' }))

describe('a write that fails', () => {
  const paths = [
    `/sys/bus/pci/devices/${group[2]}/driver_override`,
    `/sys/bus/pci/devices/${group[2]}/driver/unbind`,
    '/sys/bus/pci/drivers_probe',
  ]
  test.each(paths)('%s: the whole group is given back, and nothing is kept', async (path) => {
    const { kernel, faults } = mock()
    const nth = path.endsWith('probe') ? 3 : 1
    faults.fail({ call: 'files.write', path, nth }, 'EIO')
    await expect(bind(kernel, { device, group: true })).rejects.toMatchObject({ errno: 'EIO' })
    expect(state(kernel)).toEqual(untouched)
    expect(keptBindings.list(kernel.files).settings).toEqual([])
  })

  test('where giving back fails too, what is left is said, and the next try mends it', async () => {
    const { kernel, faults } = mock()
    faults.fail({ call: 'files.write', path: '/sys/bus/pci/drivers_probe' }, 'EIO')
    faults.fail({ call: 'files.write', path: '/sys/bus/pci/drivers/snd_hda_intel/bind' }, 'EBUSY')
    await expect(bind(kernel, { device })).rejects.toMatchObject({
      errno: 'EIO',
      message: expect.stringMatching(/EIO.*; and giving it back to snd_hda_intel failed: .*EBUSY/),
    })
    expect(state(kernel, [device])).toEqual([{ driver: null, override: '(null)' }])
    await bind(kernel, { device })
    await release(kernel, { device })
    expect(state(kernel, [device])).toEqual([untouched[1]])
  })
})

test('interrupted, it is given back: INTERRUPTED', async () => {
  const { kernel } = mock()
  const stop = new AbortController()
  stop.abort()
  const { signal } = stop
  await expect(bind(kernel, { device, group: true }, { signal })).rejects.toMatchObject({ code: 'INTERRUPTED' })
  expect(state(kernel)).toEqual(untouched)
})

test('killed after any of its writes, binding and releasing again come to the same end', async () => {
  for (const verb of [bind, release]) {
    for (let after = 1; ; after++) {
      const { kernel } = mock()
      if (verb === release) await bind(kernel, { device, group: true })
      const { kernel: crashing, died } = crashingKernel(kernel, after)
      await Promise.resolve(verb(crashing, { device, group: true })).catch(() => undefined)
      await verb(kernel, { device, group: true })
      expect(state(kernel)).toEqual(verb === bind ? bound : untouched)
      expect(keptBindings.list(kernel.files).settings.map(({ name }) => name)).toEqual(verb === bind ? group : [])
      if (!died()) break
      expect(after).toBeLessThan(40)
    }
  }
})

test('a card on which devices run is not taken, except by force, which names them', async () => {
  const { kernel } = mock()
  const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
  await kernel.files.write(`/sys/class/mdev_bus/${card}/mdev_supported_types/nvidia-222/create`, uuid)
  await expect(bind(kernel, { device: card })).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    facts: { device: card, driver: 'nvidia', uses: [`mediated devices run on it: ${uuid}`] },
  })
  // what is kept for it comes by itself: nobody has asked for that use to end
  const { vendor, device: id } = readPciIds(kernel.files, parsePciAddress(card), [])
  const kept = { driver: 'vfio-pci', vendor: String(vendor), device: String(id) }
  await expect(bindKept(kernel, { bus: 'pci', name: card }, kept, { force: true })).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
  })
  const said: string[] = []
  await bind(kernel, { device: card }, { force: true, onMessage: (line) => said.push(line) })
  expect(said).toEqual([expect.stringContaining(uuid)])
  expect(state(kernel, [card])).toEqual([bound[0]])
})

test('a device whose id was added to vfio-pci comes back to it: NOT_SUPPORTED, with how to end that', async () => {
  const { kernel } = mock()
  const free = '0000:00:1f.0'
  await kernel.files.write('/sys/bus/pci/drivers/vfio-pci/new_id', '8086 a305')
  expect(state(kernel, [free])).toMatchObject([{ driver: 'vfio-pci' }])
  await expect(release(kernel, { device: free })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    hint: expect.stringContaining('echo 8086 a305 > /sys/bus/pci/drivers/vfio-pci/remove_id'),
  })
})

test('an override that somebody set beside the driver that has the device is only cleared', async () => {
  const { kernel } = mock()
  await kernel.files.write(`/sys/bus/pci/devices/${device}/driver_override`, 'vfio-pci')
  const [change] = await release(kernel, { device })
  expect(change).toMatchObject({ from: 'snd_hda_intel', to: 'snd_hda_intel', changed: true })
  expect(change?.steps).toHaveLength(1)
  expect(state(kernel)).toEqual(untouched)
})

test('what takes long is said, again and again', async () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const say = vi.fn()
  let end: (value: string) => void = () => {}
  const work = new Promise<string>((resolve) => {
    end = resolve
  })
  const waiting = sayWhileWaiting(work, say)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(say).not.toHaveBeenCalled()
  await vi.advanceTimersByTimeAsync(30_000)
  expect(say.mock.calls.length).toBeGreaterThan(2)
  end('done')
  await expect(waiting).resolves.toBe('done')
  say.mockClear()
  await vi.advanceTimersByTimeAsync(60_000)
  expect(say).not.toHaveBeenCalled()
})
