// Power, resets and BAR sizes that go with a binding.
import { describe, expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { readResizableBars } from '../../../../src/host/pci-bars.ts'
import { readPciPower } from '../../../../src/host/pci-power.ts'
import { Host } from '../../../../src/host.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import type { PciSettings } from '../../../../src/lifecycle/settings/pci-settings.ts'
import { isDone, losses } from '../../../../src/lifecycle/wanted/plan.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { card, driverOf, edu, first, openPci, pciScenario, second } from '../../mock/pci/pci-scenario.ts'

const address = parsePciAddress(card)
const path = `/sys/bus/pci/devices/${card}`
const [MiB, GiB] = [2 ** 20, 2 ** 30]

/** The card with e1000e, two BARs that can be resized, and a bridge above it with room for 9 GiB. */
function machine(disk: Scenario['disk'] = {}) {
  const pci = pciScenario.pci.map((device) => {
    if (device.address !== card || device.function === undefined) return device
    const resizable = { '0': [256 * MiB, 8 * GiB, 16 * GiB], '3': [MiB, 2 * MiB] }
    const bars = { '0': 256 * MiB, '3': MiB }
    return {
      ...device,
      driver: 'e1000e',
      behind: [],
      function: { ...device.function, bars, resizable, window: 9 * GiB },
    }
  })
  const modules = { ...pciScenario.modules, pci_stub: {} }
  const mock = createMockHost({ ...pciScenario, modules, pci, disk: { ...pciScenario.disk, ...disk } })
  onTestFinished(() => mock.kernel.dispose())
  return { ...mock, kernel: mock.kernel, host: new Host(mock.kernel) }
}

const all: PciSettings = { power: 'on', d3cold: false, resetMethods: ['bus', 'pm'], bars: { '0': 8 * GiB } }
const before: PciSettings = { power: 'on', d3cold: true, resetMethods: ['pm', 'bus'], bars: { '0': 256 * MiB } }

function now({ files }: Kernel): PciSettings {
  const { control, d3coldAllowed, resetMethods } = readPciPower(files, address)
  const [bar] = readResizableBars(files, address)
  return { power: control ?? 'auto', d3cold: d3coldAllowed === true, resetMethods, bars: { '0': bar?.size ?? 0 } }
}

/** 'file=value' of each write to the host. */
function writes(steps: readonly { readonly action: string; readonly path: string; readonly value?: string }[] = []) {
  return steps.flatMap(({ action, path: file, value }) => {
    return action === 'write' ? [`${file.replace(`${path}/`, '').replace('/sys/bus/pci/', '')}=${value}`] : []
  })
}

describe('bind with settings', () => {
  test('BARs are resized while no driver has the device, D3cold is forbidden before, and power comes after the driver', async () => {
    const { host, kernel } = machine()
    expect(now(kernel)).toEqual(before)
    const [change] = await host.bind({ device: card, settings: all })
    expect(writes(change?.steps)).toEqual([
      'driver_override=vfio-pci',
      `driver/unbind=${card}`,
      'd3cold_allowed=0',
      'reset_method=bus pm',
      'resource0_resize=13',
      `drivers_probe=${card}`,
      'power/control=on',
    ])
    expect(now(kernel)).toEqual(all)
    expect(driverOf(kernel, card)).toBe('vfio-pci')
    expect(keptBindings.read(kernel.files, card)).toMatchObject({ driver: 'best', settings: all, before })
    expect(await host.bind({ device: card, settings: all })).toMatchObject([{ changed: false, steps: [] }])
    expect(await host.bind({ device: card })).toMatchObject([{ changed: false, steps: [] }])
  })

  test('a device of a driver of VFIO leaves it for a BAR alone, and keeps what was said before', async () => {
    const { host, kernel } = machine()
    await host.bind({ device: card, driver: 'pci-stub' })
    const [power] = await host.bind({ device: card, settings: { power: 'auto' } })
    expect(writes(power?.steps)).toEqual(['power/control=auto'])
    const [bar] = await host.bind({ device: card, settings: { bars: { '3': 2 * MiB } } })
    expect(writes(bar?.steps)).toEqual([
      `driver/unbind=${card}`,
      'resource3_resize=1',
      `drivers_probe=${card}`,
      'power/control=auto',
    ])
    expect(keptBindings.read(kernel.files, card)).toMatchObject({
      driver: 'pci-stub',
      settings: { power: 'auto', bars: { '3': 2 * MiB } },
    })
  })

  test('a size for which the bridge has no room is refused, with the hint, and all is as it was', async () => {
    const { host, kernel } = machine()
    const settings = { ...all, bars: { '0': 16 * GiB } }
    await expect(host.bind({ device: card, settings })).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      message: expect.stringMatching(/^cannot resize BAR 0 of 0000:03:00.0 to 16 GiB: .*ENOSPC.*; e1000e has it now$/),
      hint: expect.stringMatching(/window of the bridge above .* "Above 4G decoding"/),
    })
    expect([now(kernel), driverOf(kernel, card)]).toEqual([before, 'e1000e'])
    expect(keptBindings.read(kernel.files, card)).toBe(null)
  })

  test.for([
    ['a BAR that cannot be resized', { bars: { '1': MiB } }, 'NOT_SUPPORTED', /^BAR 1 .* of its BARs, 0 and 3 can$/],
    [
      'a size that it cannot have',
      { bars: { '0': GiB } },
      'NOT_SUPPORTED',
      /1 GiB: it can have 256 MiB, 8 GiB, 16 GiB$/,
    ],
    ['a size that is none', { bars: { '0': 3 * MiB } }, 'INVALID_ARGUMENT', /must be a power of two/],
    ['a reset that Linux does not know', { resetMethods: ['kick'] }, 'INVALID_ARGUMENT', /must be a list of/],
    [
      'a reset that the device has not',
      { resetMethods: ['flr'] },
      'SYSTEM_CALL_FAILED',
      /cannot set reset_method .* to flr: .*EINVAL/,
    ],
    ['a reset twice', { resetMethods: ['pm', 'pm'] }, 'INVALID_ARGUMENT', /each way once/],
  ] as const)('%s is refused, and nothing changes', async ([, settings, code, message]) => {
    const { host, kernel } = machine()
    const request = { device: card, settings }
    await expect(host.bind(request)).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect([now(kernel), driverOf(kernel, card)]).toEqual([before, 'e1000e'])
  })

  test('a device that has no reset of its own, or is on another bus, takes none', async () => {
    const { host } = machine()
    await expect(host.bind({ device: edu, settings: { resetMethods: [] } })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: `${edu} has no reset_method: the kernel has no way to reset it, or is older than Linux 5.15`,
    })
    const mainframe = createMockHost('mainframe').host()
    await expect(mainframe.bind({ device: 'css/0.0.0313', settings: { power: 'on' } })).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    })
  })

  test('the rest of the group gets the power alone', async () => {
    const { host, kernel } = machine()
    await host.bind({ device: first, group: true, settings: { power: 'on', d3cold: false, resetMethods: [] } })
    const kept = [first, second].map((it) => keptBindings.read(kernel.files, it))
    expect(kept).toMatchObject([
      { settings: { power: 'on', d3cold: false, resetMethods: [] } },
      { settings: { power: 'on', d3cold: false } },
    ])
    expect(kernel.files.read(`/sys/bus/pci/devices/${first}/reset_method`)).toBe('')
  })

  test('a BAR of a device that a process has open is DEVICE_BUSY; its power is not', async () => {
    const { host, kernel } = machine()
    await host.bind({ device: card })
    openPci(kernel, card)
    await host.bind({ device: card, settings: { power: 'on' } })
    await expect(host.bind({ device: card, settings: all })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    expect(now(kernel).bars).toEqual(before.bars)
  })
})

describe('kept settings', () => {
  const kept = (settings: PciSettings) => {
    const ids = { vendor: '0x1234', device: '0x11e8' }
    return { [keptBindings.path(card)]: keptBindings.format({ driver: 'vfio-pci', ...ids, settings, before }) }
  }

  test('come back at a boot, BARs before the driver', async () => {
    const { host, kernel } = machine(kept(all))
    const { results } = await host.restore()
    expect(results).toMatchObject([{ outcome: 'started', name: 'vfio-pci' }])
    expect(writes(results[0]?.steps).slice(-3)).toEqual([
      'resource0_resize=13',
      `drivers_probe=${card}`,
      'power/control=on',
    ])
    expect(now(kernel)).toEqual(all)
    expect((await host.restore()).results).toMatchObject([{ outcome: 'already-there' }])
  })

  test('of one that the kernel refuses at a boot, the reason is told; the rest comes back', async () => {
    const { host, kernel } = machine(kept({ ...all, bars: { '0': 16 * GiB } }))
    const { results } = await host.restore()
    expect(results).toMatchObject([
      {
        outcome: 'failed',
        error: { message: expect.stringMatching(/BAR 0 .*ENOSPC.*is with vfio-pci all the same$/) },
      },
    ])
    expect(now(kernel)).toEqual({ ...all, bars: before.bars })
    expect(driverOf(kernel, card)).toBe('vfio-pci')
  })

  test('go back to what was before when the device is released, and are listed until then', async () => {
    const { host, kernel } = machine()
    await host.bind({ device: card, settings: all })
    expect((await host.boot.kept(card)).kept).toMatchObject([
      { what: 'VFIO’s best driver, power on, D3cold not allowed, resets bus pm, BAR 0 of 8 GiB' },
    ])
    const [change] = await host.release({ device: card })
    expect(writes(change?.steps)).toEqual([
      'driver_override=\n',
      `driver/unbind=${card}`,
      'd3cold_allowed=1',
      'reset_method=pm bus',
      'resource0_resize=8',
      `drivers_probe=${card}`,
    ])
    expect([now(kernel), driverOf(kernel, card)]).toEqual([before, 'e1000e'])
    expect((await host.boot.kept(card)).kept).toEqual([])
  })
})

describe('settings for this boot alone', () => {
  test('go back to what was before when the device is released, with a driver of its own too', async () => {
    const { host, kernel } = machine({ '/run': null })
    const record = `/run/vfioctl/${card}.json`
    await host.bind({ device: card, transient: true, settings: all })
    await host.bind({ device: card, transient: true, settings: { resetMethods: [], bars: { '3': 2 * MiB } } })
    expect((await host.boot.kept(card)).kept).toEqual([])
    await host.release({ device: card })
    expect([now(kernel), driverOf(kernel, card)]).toEqual([before, 'e1000e'])
    expect(readResizableBars(kernel.files, address)).toMatchObject([{ size: 256 * MiB }, { bar: 3, size: MiB }])
    expect(kernel.files.kind(record)).toBe(null)
    await host.bind({ device: card, driver: 'e1000e', transient: true, settings: { power: 'auto', d3cold: false } })
    const [change] = await host.release({ device: card })
    expect(writes(change?.steps)).toEqual(['d3cold_allowed=1', 'power/control=on'])
    expect(now(kernel)).toEqual(before)
  })

  test('leave what is kept as it was before, and go with it', async () => {
    const { host, kernel } = machine({ '/run': null })
    await host.bind({ device: card, transient: true, settings: { d3cold: false } })
    await host.bind({ device: card, settings: { d3cold: true, resetMethods: ['bus'] } })
    await host.bind({ device: card, transient: true, settings: { resetMethods: [] } })
    expect(keptBindings.read(kernel.files, card)).toMatchObject({
      settings: { d3cold: true, resetMethods: ['bus'] },
      before: { d3cold: true, resetMethods: ['pm', 'bus'] },
    })
    await host.release({ device: card })
    expect(now(kernel)).toEqual(before)
  })

  test('of another device at that address are not given back', async () => {
    const foreign = JSON.stringify({ vendor: '0x1234', device: '0x0001', before: { d3cold: false } })
    const { host, kernel } = machine({ '/run': null, '/run/vfioctl': null, [`/run/vfioctl/${card}.json`]: foreign })
    await host.release({ device: card })
    expect(now(kernel)).toEqual(before)
    expect(kernel.files.kind(`/run/vfioctl/${card}.json`)).toBe(null)
  })
})

describe('one setting by itself', () => {
  test('goes back to what was before, and the rest is kept', async () => {
    const { host, kernel } = machine()
    await host.bind({ device: card, settings: all })
    const [resets] = await host.bind({ device: card, settings: { resetMethods: 'default', d3cold: 'default' } })
    expect(writes(resets?.steps)).toEqual(['d3cold_allowed=1', 'reset_method=pm bus'])
    const kept = keptBindings.read(kernel.files, card)
    expect(kept).toMatchObject({
      settings: { power: 'on', bars: all.bars },
      before: { power: 'on', bars: before.bars },
    })
    expect(kept).not.toHaveProperty('settings.d3cold')
    expect(kept).not.toHaveProperty('before.resetMethods')
    const [bars] = await host.bind({ device: card, settings: { bars: { '0': 'default' } } })
    expect(writes(bars?.steps)).toEqual([
      `driver/unbind=${card}`,
      'resource0_resize=8',
      `drivers_probe=${card}`,
      'power/control=on',
    ])
    expect(await host.bind({ device: card, settings: { bars: { '0': 'default' } } })).toMatchObject([{ steps: [] }])
  })

  test('of power is what the driver of VFIO chooses while that has the device', async () => {
    const { host, kernel } = machine()
    await host.bind({ device: card, settings: { power: 'on', d3cold: false } })
    const [power] = await host.bind({ device: card, settings: { power: 'default' } })
    expect(writes(power?.steps)).toEqual(['power/control=auto'])
    await host.release({ device: card })
    await host.bind({ device: card, driver: 'e1000e', settings: { power: 'auto' } })
    await host.bind({ device: card, driver: 'e1000e', settings: { power: 'default' } })
    expect(now(kernel)).toEqual(before)
  })

  test('for this boot alone goes back too, and what is kept stays kept', async () => {
    const { host, kernel } = machine({ '/run': null })
    await host.bind({ device: card, settings: { d3cold: false } })
    const [change] = await host.bind({ device: card, transient: true, settings: { d3cold: 'default' } })
    expect(writes(change?.steps)).toEqual(['d3cold_allowed=1'])
    expect(keptBindings.read(kernel.files, card)).toMatchObject({ settings: { d3cold: false } })
    await host.bind({ device: card, transient: true, settings: { resetMethods: [] } })
    await host.bind({ device: card, transient: true, settings: { resetMethods: 'default' } })
    expect(now(kernel).resetMethods).toEqual(before.resetMethods)
    expect(kernel.files.kind(`/run/vfioctl/${card}.json`)).toBe(null)
  })

  test('that nobody has set is no change', async () => {
    const { host } = machine()
    await host.bind({ device: card })
    const settings = { power: 'default', d3cold: 'default', resetMethods: 'default', bars: { '0': 'default' } } as const
    expect(await host.bind({ device: card, settings })).toMatchObject([{ changed: false, steps: [] }])
  })

  test('in a spec is planned, applied, and done', async () => {
    const { host, kernel } = machine()
    await host.bind({ device: card, settings: all })
    const spec = { version: 1, bindings: [{ device: card, d3cold: 'default', bars: { 0: 'default' } }] }
    const plan = await host.plan(spec)
    expect(plan.bindings).toMatchObject([
      {
        reason: 'has D3cold not allowed, has BAR 0 of 8 GiB',
        settings: { d3cold: 'default', bars: { '0': 'default' } },
      },
    ])
    expect((await host.apply(plan)).failed).toEqual([])
    expect(now(kernel)).toEqual({ ...before, resetMethods: all.resetMethods })
    expect(isDone(await host.plan(spec))).toBe(true)
  })
})

describe('a spec with settings', () => {
  const binding = { device: card, power: 'on', d3cold: false, resetMethods: ['bus', 'pm'], bars: { 0: '8GiB' } }
  const spec = (...bindings: object[]) => ({ version: 1, bindings })

  test('is planned with the reason and each write, applied, and done', async () => {
    const { host, kernel } = machine()
    const plan = await host.plan(spec(binding))
    expect(plan.bindings).toMatchObject([
      {
        action: 'bind',
        reason: 'is with e1000e, has D3cold allowed, has resets pm bus, has BAR 0 of 256 MiB',
        settings: all,
        takenFrom: 'e1000e',
      },
    ])
    expect(writes(plan.bindings[0]?.steps)).toContain('resource0_resize=13')
    expect((await host.apply(plan)).failed).toEqual([])
    expect(now(kernel)).toEqual(all)
    expect(isDone(await host.plan(spec(binding)))).toBe(true)
    await kernel.files.write(`${path}/power/control`, 'auto')
    const again = await host.plan(spec(binding))
    expect(again.bindings).toMatchObject([{ reason: 'has power auto', takenFrom: null, uses: [] }])
    expect(writes(again.bindings[0]?.steps)).toEqual(['power/control=on'])
    expect(losses(again)).toEqual([])
    const other = await host.plan(spec({ device: card, bars: { 3: '2M' } }))
    expect(losses(other)).toEqual([`take ${card} from vfio-pci for a moment: its BARs are resized`])
  })

  test('that the kernel refuses fails, and the device is as it was', async () => {
    const { host, kernel } = machine()
    const plan = await host.plan(spec({ ...binding, bars: { 0: '16G' } }))
    expect((await host.apply(plan)).failed).toMatchObject([{ error: { message: expect.stringContaining('ENOSPC') } }])
    expect([now(kernel), driverOf(kernel, card)]).toEqual([before, 'e1000e'])
  })

  test.for([
    [[binding, { device: card, power: 'auto' }], /two different settings/],
    [[{ ...binding, bars: { 0: 'much' } }], /must be a size such as 8GiB/],
    [[{ ...binding, bars: { 7: '8G' } }], /must be the index of a BAR/],
    [[{ ...binding, power: 'off' }], /must be on, auto or default/],
  ] as const)('%j is INVALID_SPEC', async ([bindings, message]) => {
    const { host } = machine()
    await expect(host.plan(spec(...bindings))).rejects.toMatchObject({
      code: 'INVALID_SPEC',
      message: expect.stringMatching(message),
    })
  })
})
