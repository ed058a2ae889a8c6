import { describe, expect, onTestFinished, test } from 'vitest'
import { boundDriver } from '../../../../src/host/group-members.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { startDevice, stopDevice } from '../../../../src/lifecycle/kinds/device-verbs.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { restore } from '../../../../src/lifecycle/restore/restore.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { isDone, itemName, losses } from '../../../../src/lifecycle/wanted/plan.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { mainframe } from '../../../../src/mock/shipped/mainframe.ts'

/** A machine with devices on three buses: PCI's, channels, and one that firmware names. */
const machine: Scenario = {
  ...mainframe,
  modules: { ...mainframe.modules, vfio_platform: {} },
  platform: [{ name: 'e0700000.xgmac', driver: 'amd-xgbe', drivers: ['xgbe-test'], iommuGroup: 40 }],
}

const subchannel = 'css/0.0.0314'
const xgmac = 'platform/e0700000.xgmac'

function open(): Kernel {
  const kernel = createMockKernel(machine)
  onTestFinished(() => kernel.dispose())
  return kernel
}

function planOf(kernel: Kernel, ...bindings: object[]) {
  return makePlan(kernel, parseSpec(JSON.stringify({ version: 1, bindings }), 'spec.json'))
}

function driverOf({ files }: Kernel, device: string): string | null {
  const [bus, name] = device.split('/')
  return boundDriver(files, `/sys/bus/${bus}/devices/${name}/driver`)
}

describe('bindings of a spec', () => {
  test('take devices of every bus, each to the driver that VFIO has there', () => {
    const { bindings } = planOf(open(), { device: [subchannel, xgmac] }, { device: 'css/0.0.0313', driver: 'none' })
    expect(bindings.map((item) => [item.action, itemName(item), item.driver, item.takenFrom])).toEqual([
      ['bind', subchannel, 'vfio_ccw', 'io_subchannel'],
      ['bind', xgmac, 'vfio-platform', 'amd-xgbe'],
      ['bind', 'css/0.0.0313', 'none', 'vfio_ccw'],
    ])
  })

  test('are applied by the writes of the plan, kept for the boot, and done then', async () => {
    const kernel = open()
    const wanted = [{ device: subchannel }, { device: xgmac, driver: 'xgbe-test' }]
    const plan = planOf(kernel, ...wanted)
    expect(losses(plan)).toEqual([
      `take ${subchannel} from io_subchannel: it is to have vfio_ccw`,
      `take ${xgmac} from amd-xgbe: it is to have xgbe-test`,
    ])
    expect(plan.bindings[1]?.steps.map(({ path }) => path)).toEqual([
      '/sys/bus/platform/devices/e0700000.xgmac/driver_override',
      '/sys/bus/platform/devices/e0700000.xgmac/driver/unbind',
      '/sys/bus/platform/drivers_probe',
      '/etc/vfioctl.d/bindings/platform-e0700000.xgmac.json',
    ])
    expect(await applyPlan(kernel, plan)).toMatchObject({ failed: [], remaining: [] })
    expect([subchannel, xgmac].map((device) => driverOf(kernel, device))).toEqual(['vfio_ccw', 'xgbe-test'])
    expect(isDone(planOf(kernel, ...wanted))).toBe(true)
    await release(kernel, { device: xgmac })
    expect(planOf(kernel, ...wanted).bindings).toMatchObject([{ action: 'keep' }, { action: 'bind', bus: 'platform' }])
  })

  test('leave a device with its driver if VFIO’s refuses it', async () => {
    const kernel = open()
    const { done, failed } = await applyPlan(kernel, planOf(kernel, { device: xgmac }))
    expect([done.length, failed.length, driverOf(kernel, xgmac)]).toEqual([0, 1, 'amd-xgbe'])
  })

  test('do not take a device in use, nor a subchannel that vfio_ccw has made a device of', async () => {
    const kernel = open()
    const { name } = await startDevice(kernel, { parent: '0.0.0313', type: 'vfio_ccw-io' })
    const planned = () => planOf(kernel, { device: 'css/0.0.0313', driver: 'io_subchannel' })
    const danger = 'Linux may crash if vfio_ccw lets go of it, as it has had a mediated device'
    expect(planned().bindings).toMatchObject([{ uses: [`it carries the mediated device ${name}`, danger] }])
    await stopDevice(kernel, { name })
    const plan = planned()
    expect(plan.bindings).toMatchObject([{ uses: [danger] }])
    await expect(applyPlan(kernel, plan)).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      facts: { busy: ['css/0.0.0313'] },
    })
    expect(driverOf(kernel, 'css/0.0.0313')).toBe('vfio_ccw')
  })

  test.each([
    ['two drivers', [{ device: xgmac }, { device: xgmac, driver: 'none' }], 'INVALID_SPEC', xgmac],
    ['a device that is not there', [{ device: 'css/0.0.0999' }], 'NOT_FOUND', '0.0.0999'],
    ['a bus without drivers to name', [{ device: 'ccw/0.0.1235' }], 'NOT_SUPPORTED', 'ccw/0.0.1235'],
    ['a driver of another bus', [{ device: subchannel, driver: 'vfio-platform' }], 'NOT_FOUND', 'on the bus css'],
  ])('%s: nothing is planned', (_what, bindings, code, said) => {
    const planning = () => planOf(open(), ...bindings)
    expect(planning).toThrow(expect.objectContaining({ code, message: expect.stringContaining(said) }))
  })
})

describe('at boot', () => {
  test.each([xgmac, 'platform-e0700000.xgmac'])('a device that comes later is named as %s', async (parent) => {
    const kernel = open()
    await applyPlan(kernel, planOf(kernel, { device: xgmac, driver: 'xgbe-test' }))
    // as a boot leaves it
    await kernel.files.write(`/sys/bus/platform/devices/e0700000.xgmac/driver_override`, '\n')
    await kernel.files.write('/sys/bus/platform/drivers/xgbe-test/unbind', 'e0700000.xgmac')
    await kernel.files.write('/sys/bus/platform/drivers_probe', 'e0700000.xgmac')
    expect(driverOf(kernel, xgmac)).toBe('amd-xgbe')
    const { results } = await restore(kernel, { parent })
    expect(results).toMatchObject([{ kind: 'binding', parent: xgmac, outcome: 'started' }])
    expect(driverOf(kernel, xgmac)).toBe('xgbe-test')
  })

  test('a device that is named is waited for, and one among all is not', async () => {
    const kernel = open()
    const path = '/etc/vfioctl.d/bindings/platform-late.json'
    await applyPlan(kernel, planOf(kernel, { device: xgmac, driver: 'xgbe-test' }))
    kernel.files.create(path, '{"bus":"platform","driver":"xgbe-test","modalias":null}')
    const waiting: string[] = []
    const onWaiting = (parent: string) => void waiting.push(parent)
    await restore(kernel, { timeoutMs: 1, onWaiting })
    expect(waiting).toEqual([])
    await restore(kernel, { parent: 'platform-late', timeoutMs: 1, onWaiting })
    expect(waiting).toEqual(['platform/late'])
  })
})
