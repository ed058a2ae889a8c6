import { describe, expect, onTestFinished, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { systemError } from '../../../../src/base/system-error.ts'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { boundDriver } from '../../../../src/host/group-members.ts'
import { readPhysicalFunction } from '../../../../src/host/sriov.ts'
import { Host } from '../../../../src/host.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { applyPlan } from '../../../../src/lifecycle/plan/apply.ts'
import { makePlan } from '../../../../src/lifecycle/plan/make-plan.ts'
import { parseSpec } from '../../../../src/lifecycle/spec/parse-spec.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { stub } from '../../stub.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const gpu = '0000:3b:00.0'
const network = parsePciAddress('81:00.0')

function machine(scenario: 'demo' | 'gpu-host') {
  const host = new Host(createMockKernel(scenario))
  onTestFinished(() => host[Symbol.asyncDispose]())
  const apply = async (parents: readonly object[], kernel: Kernel = host.kernel) => {
    const said: string[] = []
    const plan = makePlan(kernel, parseSpec(JSON.stringify({ version: 1, parents }), 'spec.json'))
    const { failed } = await applyPlan(kernel, plan, { onMessage: (line) => said.push(line) })
    const [error] = failed.map(({ error }) => error)
    return { said, error: error instanceof VfioError ? error : null }
  }
  const present = () => host.list().devices.map(({ group: _, node: __, ...device }) => device)
  return { host, apply, present }
}

/** A kernel that refuses one write. */
function refusing(kernel: Kernel, path: string, value?: string): Kernel {
  const write: Kernel['files']['write'] = async (to, text) => {
    if (to === path && (value === undefined || text === value)) throw systemError('EIO', 'write', to)
    return kernel.files.write(to, text)
  }
  return stub(kernel, { files: stub(kernel.files, { write }) })
}

const bad = [{ no_such: '1' }]

describe('a mediated device that could not be made anew', () => {
  const fails = [{ parent: 'mtty', devices: [{ type: 'mtty-2', uuid, attributes: bad }] }]

  test('runs again where it ran, on another parent than the one that it is defined on', async () => {
    const { host, apply, present } = machine('demo')
    await host.define({ name: uuid, parent: 'mtty', type: 'mtty-1' })
    await host.start({ name: uuid, parent: gpu, type: 'nvidia-232' })
    const before = present()
    const { said, error } = await apply(fails)
    expect(error).toMatchObject({ code: 'ATTRIBUTE_FAILED' })
    expect(present()).toEqual(before)
    expect(said).toEqual([`${uuid} runs again as nvidia-232; attributes that it may have had are not known`])
  })

  test('that was defined with another type than it ran with: it runs as it is defined, and that is said', async () => {
    const { host, apply, present } = machine('demo')
    await host.start({ name: uuid, parent: 'mtty', type: 'mtty-2' })
    await host.define({ name: uuid, parent: 'mtty', type: 'mtty-1' })
    const { said, error } = await apply(fails)
    expect(error).toMatchObject({ code: 'ATTRIBUTE_FAILED' })
    expect(present()).toMatchObject([{ type: 'mtty-1', active: true, definition: { type: 'mtty-1' } }])
    expect(said).toEqual([`${uuid} ran as mtty-2, and runs as it is defined: mtty-1`])
  })

  test('runs again where nobody had defined it, and that is said', async () => {
    const { host, apply, present } = machine('demo')
    await host.start({ name: uuid, parent: 'mtty', type: 'mtty-1' })
    const before = present()
    const { said, error } = await apply(fails)
    expect(error).toMatchObject({ code: 'ATTRIBUTE_FAILED', errno: 'ENOENT' })
    expect(error?.message).toMatch(new RegExp(`; ${uuid} runs as before: as mtty-1 on mtty$`))
    expect(present()).toEqual(before)
    expect(said).toEqual([`${uuid} runs again as mtty-1; attributes that it may have had are not known`])
  })

  test('runs again although its new definition could not be taken away, which is told', async () => {
    const { host, apply, present } = machine('demo')
    await host.start({ name: uuid, parent: gpu, type: 'nvidia-232' })
    const unlink = (path: string) => {
      if (path === `/etc/mdevctl.d/mtty/${uuid}`) throw systemError('EROFS', 'unlink', path)
      return host.kernel.files.unlink(path)
    }
    const create = '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create'
    const files = stub(refusing(host.kernel, create).files, { unlink })
    const { error } = await apply(fails, stub(host.kernel, { files }))
    expect(error).toMatchObject({
      code: 'APPLY_INCOMPLETE',
      errno: 'EIO',
      path: create,
      message: expect.stringMatching(/EIO.*; and taking it back failed: cannot delete [^;]*EROFS[^;]*$/),
    })
    expect(present().filter(({ active }) => active)).toMatchObject([{ parent: gpu, type: 'nvidia-232' }])
  })

  test('and not as it was either, is told as gone, with both reasons', async () => {
    const { host, apply, present } = machine('demo')
    await host.start({ name: uuid, parent: 'mtty', type: 'mtty-1' })
    const create = '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-1/create'
    const { error } = await apply(fails, refusing(host.kernel, create))
    expect(error).toMatchObject({
      code: 'APPLY_INCOMPLETE',
      message: expect.stringMatching(/attribute no_such .*; and taking it back failed: cannot create .*EIO/),
      hint: expect.stringContaining(`vfioctl list ${uuid}`),
    })
    expect(error?.message).toContain(`(${uuid} ran as mtty-1 on mtty, and does not run now)`)
    expect(present()).toEqual([])
  })
})

describe('a vGPU that could not be made anew', () => {
  const [first, second] = ['0000:41:00.4', '0000:41:00.5'] as const
  const card = (...devices: object[]) => [{ parent: '41:00.0', devices }]
  const fails = { type: 'L40S-16Q', function: second, attributes: bad }

  test('has its old type again, and where nobody defined it, that is said', async () => {
    const { host, apply, present } = machine('gpu-host')
    await host.start({ parent: second, type: 'L40S-24Q' })
    const before = present()
    const { said, error } = await apply(card(fails))
    expect(error).toMatchObject({ code: 'ATTRIBUTE_FAILED' })
    expect(present()).toEqual(before)
    expect(said).toEqual([`${second} runs again as 1157; attributes that it may have had are not known`])
  })

  test('is again as it was defined', async () => {
    const { host, apply, present } = machine('gpu-host')
    await host.define({ name: second, type: 'L40S-24Q', start: 'auto' })
    await host.start({ name: second })
    const before = present()
    const { said, error } = await apply(card(fails))
    expect(error).toMatchObject({ code: 'ATTRIBUTE_FAILED' })
    expect(present()).toEqual(before)
    expect(said).toEqual([])
  })

  test('and not be what it was beside one that was made anew, is told with both reasons', async () => {
    const { host, apply, present } = machine('gpu-host')
    for (const name of [first, second]) await host.start({ parent: name, type: 'L40S-24Q' })
    const { error } = await apply(card({ type: 'L40S-16Q', function: first }, fails))
    expect(error).toMatchObject({
      code: 'APPLY_INCOMPLETE',
      message: expect.stringMatching(/attribute no_such .*; and taking it back failed: .*takes one type at a time/),
    })
    expect(error?.message).toContain(`(${second} ran as 1157 on 0000:41:00.0, and does not run now)`)
    expect(present().map(({ name, type, active }) => [name, type, active])).toEqual([[first, '1155', true]])
  })
})

test('what could not be undefined was not removed: it runs again as it was defined', async () => {
  const readOnly = (kernel: Kernel) => {
    const unlink = (path: string) => {
      if (path.startsWith('/etc/')) throw systemError('EROFS', 'unlink', path)
      return kernel.files.unlink(path)
    }
    return stub(kernel, { files: stub(kernel.files, { unlink }) })
  }
  const mdev = machine('demo')
  await mdev.host.define({ name: uuid, parent: 'mtty', type: 'mtty-1' })
  await mdev.host.start({ name: uuid })
  const vgpu = machine('gpu-host')
  await vgpu.host.define({ name: '0000:41:00.4', type: 'L40S-24Q' })
  await vgpu.host.start({ name: '0000:41:00.4' })
  for (const [{ host, apply, present }, parent] of [
    [mdev, 'mtty'],
    [vgpu, '41:00.0'],
  ] as const) {
    const before = present()
    expect(before).toMatchObject([{ active: true }])
    const { said, error } = await apply([{ parent, others: 'remove' }], readOnly(host.kernel))
    expect(error).toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno: 'EROFS' })
    expect(present()).toEqual(before)
    expect(said).toEqual([])
  }
})

describe('virtual functions that went for others which did not come', () => {
  const numbers = `/sys/bus/pci/devices/${network}/sriov_numvfs`

  test('come again, with the drivers that are kept for them, and the error says so', async () => {
    const { host } = machine('gpu-host')
    await host.setVirtualFunctions({ device: network, count: 3 })
    await host.bind({ device: '81:01.0' })
    const kernel = refusing(host.kernel, numbers, '5')
    await expect(new Host(kernel).setVirtualFunctions({ device: network, count: 5 })).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      errno: 'EIO',
      message: expect.stringMatching(/EIO.*; 0000:81:00.0 had 3 virtual functions, and has them again$/),
      facts: { before: 3, count: 3 },
    })
    expect(readPhysicalFunction(host.kernel.files, network)?.count).toBe(3)
    expect(boundDriver(host.kernel.files, '/sys/bus/pci/devices/0000:81:01.0/driver')).toBe('vfio-pci')
  })

  test('and do not come again either: what there is now is said', async () => {
    const { host } = machine('gpu-host')
    await host.setVirtualFunctions({ device: network, count: 3 })
    const kernel = refusing(refusing(host.kernel, numbers, '5'), numbers, '3')
    await expect(new Host(kernel).setVirtualFunctions({ device: network, count: 5 })).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      message: expect.stringMatching(/had 3 virtual functions, and has 0 now: as many again failed too: .*EIO/),
      facts: { before: 3, count: 0 },
    })
  })
})
