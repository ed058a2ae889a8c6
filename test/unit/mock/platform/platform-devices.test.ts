import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Uevent } from '../../../../src/kernel/uevents.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { listKeptForBoot } from '../../../../src/lifecycle/boot/kept.ts'
import { restore } from '../../../../src/lifecycle/restore/restore.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { parseScenario } from '../../../../src/mock/scenario/read-scenario.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { asyncCodeOf } from '../machine.ts'

const bus = '/sys/bus/platform'
const xgmac = 'e0700000.xgmac'
const device = `platform/${xgmac}`
const group = 40

const board: Scenario = {
  ...demo,
  name: 'board',
  modules: { ...demo.modules, vfio_platform: {} },
  platform: [
    { name: xgmac, driver: 'amd-xgbe', drivers: ['xgbe-test'], iommuGroup: group },
    { name: 'pcspkr', driver: null, iommuGroup: null },
  ],
}

function machine(stateDirectory?: string) {
  const kernel = createMockKernel(board, stateDirectory === undefined ? {} : { stateDirectory })
  onTestFinished(() => kernel.dispose())
  const { files } = kernel
  const driverOf = (name: string) => {
    const path = `${bus}/devices/${name}/driver`
    return files.kind(path) === null ? null : files.readlink(path).split('/').at(-1)
  }
  return { kernel, files, driverOf, write: (path: string, text: string) => asyncCodeOf(files.write(path, text)) }
}

describe('a platform device', () => {
  test('stands in sysfs with its driver, its group, and what it says to be', () => {
    const { files, driverOf } = machine()
    const path = `${bus}/devices/${xgmac}`
    expect(files.readlink(path)).toBe(`../../../devices/platform/${xgmac}`)
    expect([driverOf(xgmac), driverOf('pcspkr')]).toEqual(['amd-xgbe', null])
    expect(files.read(`${path}/uevent`)).toBe(`DRIVER=amd-xgbe\nMODALIAS=platform:${xgmac}\n`)
    expect(files.read(`${path}/driver_override`)).toBe('(null)\n')
    expect(files.list(`/sys/kernel/iommu_groups/${group}/devices`)).toEqual([xgmac])
    expect(files.kind(`${bus}/devices/pcspkr/iommu_group`)).toBe(null)
    expect(files.list(`${bus}/drivers`).sort()).toEqual(['amd-xgbe', 'vfio-platform', 'xgbe-test'])
  })

  test('answers writes as the kernel does', async () => {
    const { write, driverOf } = machine()
    const override = (text: string) => write(`${bus}/devices/${xgmac}/driver_override`, text)
    expect(await write(`${bus}/drivers/vfio-platform/bind`, xgmac)).toBe('ENODEV')
    expect(await write(`${bus}/drivers/vfio-platform/unbind`, xgmac)).toBe('ENODEV')
    expect(await write(`${bus}/drivers/amd-xgbe/bind`, xgmac)).toBe('EBUSY')
    expect(await write(`${bus}/drivers_probe`, 'nothing')).toBe('ENODEV')
    expect(await override('x'.repeat(4095))).toBe('EINVAL')
    expect(await override('xgbe-test\n')).toBe(null)
    expect(await write(`${bus}/drivers/amd-xgbe/unbind`, `${xgmac}\n`)).toBe(null)
    expect(await write(`${bus}/drivers/amd-xgbe/bind`, xgmac)).toBe('ENODEV')
    expect(await write(`${bus}/drivers_probe`, xgmac)).toBe(null)
    expect(driverOf(xgmac)).toBe('xgbe-test')
    // what no firmware has described, and what nothing resets
    expect(await write(`${bus}/devices/pcspkr/driver_override`, 'vfio-platform')).toBe(null)
    expect(await write(`${bus}/drivers/vfio-platform/bind`, 'pcspkr')).toBe('EINVAL')
    expect(await write(`${bus}/drivers/xgbe-test/unbind`, xgmac)).toBe(null)
    expect(await override('vfio-platform')).toBe(null)
    expect(await write(`${bus}/drivers/vfio-platform/bind`, xgmac)).toBe('ENOENT')
    expect(await write(`${bus}/drivers_probe`, xgmac)).toBe(null)
    expect(driverOf(xgmac)).toBe(null)
  })

  test('is told with the driver that it loses and gets', async () => {
    const { kernel, write } = machine()
    const events: Uevent[] = []
    await kernel.watchUevents((event) => events.push(event))
    await write(`${bus}/drivers/amd-xgbe/unbind`, xgmac)
    await write(`${bus}/drivers_probe`, xgmac)
    const told = { subsystem: 'platform', devpath: `/devices/platform/${xgmac}` }
    await vi.waitFor(() =>
      expect(events).toMatchObject([
        { ...told, action: 'unbind' },
        { ...told, action: 'bind', properties: { DRIVER: 'amd-xgbe', MODALIAS: `platform:${xgmac}` } },
      ]),
    )
  })
})

describe('vfioctl on it', () => {
  test('binds it to another driver, keeps that, and gives it back', async () => {
    const { kernel, files, driverOf } = machine()
    expect(await bind(kernel, { device, driver: 'xgbe-test' })).toMatchObject([
      { bus: 'platform', device: xgmac, from: 'amd-xgbe', to: 'xgbe-test', changed: true },
    ])
    expect(driverOf(xgmac)).toBe('xgbe-test')
    expect(listKeptForBoot(files, device).kept).toMatchObject([{ kind: 'driver', device, now: 'with xgbe-test' }])
    expect(await release(kernel, { device })).toMatchObject([{ from: 'xgbe-test', to: 'amd-xgbe', changed: true }])
    expect([driverOf(xgmac), listKeptForBoot(files, device).kept]).toEqual(['amd-xgbe', []])
  })

  test('gives it back to its driver where the other refuses it', async () => {
    const { kernel, driverOf } = machine()
    await expect(bind(kernel, { device: 'platform/pcspkr' })).rejects.toMatchObject({ code: 'NOT_SUPPORTED' })
    expect(driverOf('pcspkr')).toBe(null)
    await expect(bind(kernel, { device })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining(
        'vfio-platform did not take platform/e0700000.xgmac: it takes only devices that it can reset',
      ),
      hint: expect.stringContaining('reset_required=0'),
    })
    expect(driverOf(xgmac)).toBe('amd-xgbe')
  })

  test('keeps its driver over processes, and restores it after a boot', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfioctl-platform-'))
    await bind(machine(folder).kernel, { device, driver: 'xgbe-test' })
    expect(machine(folder).driverOf(xgmac)).toBe('xgbe-test')
    rebootMock(folder, board)
    const { kernel, driverOf } = machine(folder)
    expect(driverOf(xgmac)).toBe('amd-xgbe')
    expect((await restore(kernel)).results).toContainEqual(
      expect.objectContaining({ outcome: 'started', parent: device }),
    )
    expect(driverOf(xgmac)).toBe('xgbe-test')
  })
})

test.each([
  ['a name with a slash', { name: 'a/b', driver: null, iommuGroup: null }],
  ['no group', { name: 'a', driver: null }],
  ['a driver that is a number', { name: 'a', driver: 5, iommuGroup: null }],
])('a scenario whose platform device has %s is refused', (_, wrong) => {
  expect(parseScenario(structuredClone(board), 'board.json').platform).toHaveLength(2)
  expect(() => parseScenario({ ...board, platform: [wrong] }, 'board.json')).toThrow(/board\.json: platform/)
})
