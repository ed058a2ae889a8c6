import { describe, expect, onTestFinished, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { listKeptForBoot } from '../../../../src/lifecycle/boot/kept.ts'
import { startDevice, stopDevice } from '../../../../src/lifecycle/kinds/device-verbs.ts'
import { restore } from '../../../../src/lifecycle/restore/restore.ts'
import { boundDeviceOrNull, keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { mainframe } from '../../../../src/mock/shipped/mainframe.ts'

const device = 'css/0.0.0314'
const path = '/sys/bus/css/devices/0.0.0314'
const setting = '/etc/vfioctl.d/bindings/css-0.0.0314.json'

function machine(): Kernel {
  const kernel = createMockKernel(mainframe)
  onTestFinished(() => kernel.dispose())
  return kernel
}

function driverOf({ files }: Kernel): string | undefined {
  return files.kind(`${path}/driver`) === null ? undefined : files.readlink(`${path}/driver`).split('/').at(-1)
}

describe('a subchannel', () => {
  test('goes to vfio_ccw and back by the same writes as a PCI device, and is kept by its bus and name', async () => {
    const kernel = machine()
    const [planned] = await bind(kernel, { device }, { dryRun: true })
    const kept = `${JSON.stringify({ bus: 'css', driver: 'vfio_ccw', modalias: 'css:t0' }, null, 2)}\n`
    expect(planned?.steps).toEqual([
      { action: 'write', path: `${path}/driver_override`, value: 'vfio_ccw' },
      { action: 'write', path: `${path}/driver/unbind`, value: '0.0.0314' },
      { action: 'write', path: '/sys/bus/css/drivers_probe', value: '0.0.0314' },
      { action: 'save', path: setting, content: kept },
    ])
    expect(await bind(kernel, { device })).toMatchObject([
      { bus: 'css', device: '0.0.0314', from: 'io_subchannel', to: 'vfio_ccw', changed: true },
    ])
    expect([driverOf(kernel), kernel.files.read(setting)]).toEqual(['vfio_ccw', kept])
    expect(await bind(kernel, { device: '0.0.0314' })).toMatchObject([{ changed: false }])
    expect(listKeptForBoot(kernel.files, device).kept).toMatchObject([
      { kind: 'driver', device, now: 'with vfio_ccw', forget: `vfioctl release ${device}` },
    ])

    expect(await release(kernel, { device })).toMatchObject([{ from: 'vfio_ccw', to: 'io_subchannel', changed: true }])
    expect([driverOf(kernel), kernel.files.kind(setting)]).toEqual(['io_subchannel', null])
  })

  test('gets its driver again at boot, unless what has its number is another device', async () => {
    const kernel = machine()
    await bind(kernel, { device })
    await bind(kernel, { device, driver: 'io_subchannel', transient: true })
    expect((await restore(kernel)).results).toContainEqual(
      expect.objectContaining({ outcome: 'started', parent: device }),
    )
    expect(driverOf(kernel)).toBe('vfio_ccw')
    keptBindings.save(kernel.files, 'css-0.0.0314', { bus: 'css', driver: 'vfio_ccw', modalias: 'css:t1' })
    expect((await restore(kernel)).results).toContainEqual(
      expect.objectContaining({ parent: device, error: expect.objectContaining({ code: 'NOT_SUPPORTED' }) }),
    )
  })

  test('that carries a mediated device is not released', async () => {
    const kernel = machine()
    const { name } = await startDevice(kernel, { parent: '0.0.0313', type: 'vfio_ccw-io' })
    await expect(release(kernel, { device: 'css/0.0.0313' })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message: expect.stringContaining(`it carries the mediated device ${name}`),
      hint: expect.stringContaining(`vfioctl stop ${name}`),
    })
  })
})

describe('a subchannel that has had a mediated device', () => {
  const danger = 'Linux may crash if vfio_ccw lets go of it, as it has had a mediated device'

  async function afterDevice(): Promise<Kernel> {
    const kernel = machine()
    await bind(kernel, { device })
    const { name } = await startDevice(kernel, { parent: '0.0.0314', type: 'vfio_ccw-io' })
    await stopDevice(kernel, { name })
    return kernel
  }

  test('is neither released nor bound to another driver, by hand or at boot', async () => {
    const kernel = await afterDevice()
    const refusal = { code: 'DEVICE_BUSY', message: expect.stringContaining(danger) }
    const hint = expect.stringContaining('end that use first (reboot), or --force')
    await expect(release(kernel, { device })).rejects.toMatchObject({ ...refusal, hint })
    await expect(release(kernel, { device }, { dryRun: true })).rejects.toMatchObject(refusal)
    for (const driver of ['io_subchannel', 'none']) {
      await expect(bind(kernel, { device, driver })).rejects.toMatchObject(refusal)
    }
    keptBindings.save(kernel.files, 'css-0.0.0314', { bus: 'css', driver: 'io_subchannel', modalias: 'css:t0' })
    expect((await restore(kernel)).results).toContainEqual(
      expect.objectContaining({ parent: device, error: expect.objectContaining(refusal) }),
    )
    expect(driverOf(kernel)).toBe('vfio_ccw')
  })

  test('is released by force, and told why it should not be', async () => {
    const kernel = await afterDevice()
    const said: string[] = []
    await release(kernel, { device }, { force: true, onMessage: (line) => said.push(line) })
    expect(said).toContain(`${device} is taken from vfio_ccw, as --force asks, although ${danger}`)
    expect(driverOf(kernel)).toBe('io_subchannel')
  })

  test('is told from its neighbours', async () => {
    const kernel = await afterDevice()
    expect(await release(kernel, { device: 'css/0.0.0313' })).toMatchObject([{ from: 'vfio_ccw', changed: true }])
  })
})

describe('what no driver can be named for', () => {
  test.each([
    ['ccw/0.0.1235', 'NOT_SUPPORTED', 'VFIO takes its subchannel: vfioctl bind css/0.0.0314'],
    ['ap/05.0004', 'NOT_SUPPORTED', 'chzdev --type ap'],
    ['css/0.0.0999', 'NOT_FOUND', 'ls /sys/bus/css/devices'],
    ['cdx-00:01', 'NOT_FOUND', 'this machine has no CDX device'],
    ['platform/..', 'INVALID_ARGUMENT', 'BUS/NAME'],
  ])('%s: %s', async (name, code, hint) => {
    await expect(bind(machine(), { device: name })).rejects.toMatchObject({ code, hint: expect.stringContaining(hint) })
  })

  test('a driver that its bus has not is not found there', async () => {
    await expect(bind(machine(), { device, driver: 'vfio-pci' })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('there is no driver vfio-pci on the bus css'),
    })
  })
})

test.each([
  ['0000:3b:00.0', { bus: 'pci', name: '0000:3b:00.0' }],
  ['css-0.0.0313', { bus: 'css', name: '0.0.0313' }],
  ['fsl-mc-dprc.2', { bus: 'fsl-mc', name: 'dprc.2' }],
  ['platform-Fixed MDIO bus.0', { bus: 'platform', name: 'Fixed MDIO bus.0' }],
  ['3b:00.0', null],
  ['css-x', null],
  ['usb-1', null],
])('a setting’s name %s stands for its device', (name, expected) => {
  expect(boundDeviceOrNull(name)).toEqual(expected)
})
