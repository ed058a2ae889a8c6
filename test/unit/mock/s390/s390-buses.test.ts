import { describe, expect, onTestFinished, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { mainframe } from '../../../../src/mock/shipped/mainframe.ts'
import { openDevice } from '../../../../src/vfio/device.ts'
import { asyncCodeOf, available, createMdev, otherUuid, uuid } from '../machine.ts'

const ap = '/sys/bus/ap'
const css = '/sys/bus/css'

function machine(more: Partial<Scenario> = {}) {
  const kernel = createMockKernel({ ...mainframe, ...more })
  onTestFinished(() => kernel.dispose())
  const { files } = kernel
  return { kernel, files, write: (path: string, text: string) => asyncCodeOf(files.write(path, text)) }
}

async function matrix(more: Partial<Scenario> = {}) {
  const host = machine(more)
  await createMdev(host.kernel, 'vfio_ap-passthrough', uuid, 'matrix')
  const path = `/sys/bus/mdev/devices/${uuid}`
  return {
    ...host,
    path,
    set: (name: string, text: string, of = uuid) => host.write(`/sys/bus/mdev/devices/${of}/${name}`, text),
    read: (name: string) => host.files.read(`${path}/${name}`),
  }
}

describe('the matrix device of vfio_ap', () => {
  test('is a parent below /sys/devices/vfio_ap, with one type', () => {
    const { files, kernel } = machine()
    expect(files.readlink('/sys/class/mdev_bus/matrix')).toBe('../../devices/vfio_ap/matrix')
    expect(files.list('/sys/class/mdev_bus/matrix/mdev_supported_types')).toEqual(['vfio_ap-passthrough'])
    expect(available(kernel, 'matrix', 'vfio_ap-passthrough')).toBe(65536)
  })

  test('shows queues as adapters times domains, and the one alone while there is none of the other', async () => {
    const { set, read } = await matrix()
    expect(await set('assign_adapter', '5')).toBe(null)
    expect(await set('assign_adapter', '0x6\n')).toBe(null)
    expect(read('matrix')).toBe('05.\n06.\n')
    expect(await set('assign_domain', '04')).toBe(null)
    expect(await set('assign_domain', '0x47')).toBe(null)
    expect(read('matrix')).toBe('05.0004\n05.0047\n06.0004\n06.0047\n')
    expect(await set('unassign_adapter', '5')).toBe(null)
    expect(await set('unassign_adapter', '6')).toBe(null)
    expect(await set('unassign_adapter', '6')).toBe(null)
    expect(read('matrix')).toBe('.0004\n.0047\n')
    expect(await set('assign_control_domain', '0x2b')).toBe(null)
    expect(read('control_domains')).toBe('002b\n')
  })

  test('knows no number beyond the highest of the bus: ENODEV; and nothing that is no number: EINVAL', async () => {
    const { set } = await matrix()
    expect(await set('assign_adapter', '64')).toBe('ENODEV')
    expect(await set('assign_adapter', '63')).toBe(null)
    expect(await set('assign_domain', '85')).toBe('ENODEV')
    expect(await set('assign_control_domain', '85')).toBe('ENODEV')
    expect(await set('assign_adapter', 'five')).toBe('EINVAL')
  })

  test('does not take a queue that is kept for the host: EADDRNOTAVAIL', async () => {
    const { set, read, write } = await matrix()
    expect(await set('assign_domain', '4')).toBe(null)
    expect(await set('assign_adapter', '4')).toBe('EADDRNOTAVAIL')
    expect(read('matrix')).toBe('.0004\n')
    expect(await write(`${ap}/apmask`, '-4')).toBe(null)
    expect(await set('assign_adapter', '4')).toBe(null)
  })

  test.each([
    ['6.1', 'EADDRINUSE'],
    ['6.12', 'EBUSY'],
  ] as const)('does not take a queue of another device: on %s %s', async (kernel, code) => {
    const { kernel: host, set } = await matrix({ kernel })
    await createMdev(host, 'vfio_ap-passthrough', otherUuid, 'matrix')
    for (const of of [uuid, otherUuid]) expect(await set('assign_adapter', '5', of)).toBe(null)
    expect(await set('assign_domain', '4')).toBe(null)
    expect(await set('assign_domain', '4', otherUuid)).toBe(code)
    expect(await set('assign_domain', '0x47', otherUuid)).toBe(null)
  })

  test('gives a guest of it what the machine has', async () => {
    const { set, read, write } = await matrix()
    // there is no adapter 7
    expect(await write(`${ap}/apmask`, '-7')).toBe(null)
    for (const adapter of ['5', '7']) await set('assign_adapter', adapter)
    await set('assign_domain', '4')
    await set('assign_domain', '5')
    expect(read('matrix')).toBe('05.0004\n05.0005\n07.0004\n07.0005\n')
    expect(read('guest_matrix')).toBe('05.0004\n')
  })

  test('takes ap_config whole or not at all, from 6.10 on', async () => {
    const { set, read } = await matrix()
    const mask = (...numbers: number[]) =>
      `0x${numbers
        .reduce((bits, number) => bits | (1n << BigInt(255 - number)), 0n)
        .toString(16)
        .padStart(64, '0')}`
    expect(await set('ap_config', `${mask(5)},${mask(4)},${mask(4, 71)}\n`)).toBe(null)
    expect(read('ap_config')).toBe(`${mask(5)},${mask(4)},${mask(4, 71)}\n`)
    expect(read('matrix')).toBe('05.0004\n')
    expect(await set('ap_config', `${mask(4, 5)},${mask(4)},${mask(4)}\n`)).toBe('EADDRNOTAVAIL')
    expect(await set('ap_config', `${mask(64)},${mask(4)},${mask(4)}\n`)).toBe('ENODEV')
    for (const bad of ['x', mask(5), `${mask(5)},${mask(4)}`]) expect(await set('ap_config', bad)).toBe('EINVAL')
    expect(read('matrix')).toBe('05.0004\n')
    const old = await matrix({ kernel: '6.1' })
    expect(old.files.kind(`${old.path}/ap_config`)).toBe(null)
  })
})

describe('the bus ap', () => {
  test('gives queues to the host or to vfio_ap by both masks', async () => {
    const { files, write } = machine()
    const driverOf = (queue: string) => files.readlink(`${ap}/devices/${queue}/driver`).split('/').at(-1)
    expect(['04.0004', '05.0004', '06.0047'].map(driverOf)).toEqual(['cex4queue', 'vfio_ap', 'vfio_ap'])
    expect(await write(`${ap}/apmask`, '+5,+0x6')).toBe(null)
    expect(['05.0004', '06.0047'].map(driverOf)).toEqual(['cex4queue', 'cex4queue'])
    expect(await write(`${ap}/aqmask`, '-0x47')).toBe(null)
    expect(['05.0004', '06.0047'].map(driverOf)).toEqual(['cex4queue', 'vfio_ap'])
    expect(files.read(`${ap}/apmask`)).toBe(`0x${'f'.repeat(64)}\n`)
  })

  test('takes a mask, or changes of it: EINVAL for anything else, EBUSY for what a device has', async () => {
    const { set, write, files } = await matrix()
    for (const bad of ['x', '+', '+256', '5', '+5;-6', '+5,6', `0x${'f'.repeat(65)}`]) {
      // a number without a sign is a mask, of which it is the left part
      expect([bad, await write(`${ap}/apmask`, bad)]).toEqual([bad, bad === '5' ? null : 'EINVAL'])
    }
    expect(files.read(`${ap}/apmask`)).toBe(`0x5${'0'.repeat(63)}\n`)
    await set('assign_adapter', '5')
    await set('assign_domain', '4')
    expect(await write(`${ap}/apmask`, '+5')).toBe('EBUSY')
    expect(await write(`${ap}/apmask`, '+6')).toBe(null)
  })
})

describe('a subchannel', () => {
  test('offers a device while vfio_ccw has it, and one alone', async () => {
    const { kernel, files } = machine()
    const parents = () => files.list('/sys/class/mdev_bus').sort()
    expect(parents()).toEqual(['0.0.0313', 'matrix'])
    expect(files.readlink('/sys/class/mdev_bus/0.0.0313')).toBe('../../devices/css0/0.0.0313')
    expect(available(kernel, '0.0.0313', 'vfio_ccw-io')).toBe(1)
    await createMdev(kernel, 'vfio_ccw-io', uuid, '0.0.0313')
    expect(available(kernel, '0.0.0313', 'vfio_ccw-io')).toBe(0)
  })

  test('goes from the host’s driver to vfio_ccw and back, and with it the device behind', async () => {
    const { files, write } = machine()
    expect(files.list('/sys/bus/ccw/devices').sort()).toEqual(['0.0.0120', '0.0.1235'])
    expect(await write(`${css}/drivers/vfio_ccw/bind`, '0.0.0314')).toBe('EBUSY')
    expect(await write(`${css}/drivers/vfio_ccw/unbind`, '0.0.0314')).toBe('ENODEV')
    expect(await write(`${css}/devices/0.0.0314/driver_override`, 'vfio_ccw')).toBe(null)
    expect(await write(`${css}/drivers/io_subchannel/unbind`, '0.0.0314')).toBe(null)
    expect(await write(`${css}/drivers/io_subchannel/bind`, '0.0.0314')).toBe('ENODEV')
    expect(await write(`${css}/drivers_probe`, '0.0.0314')).toBe(null)
    expect(files.list('/sys/bus/ccw/devices')).toEqual(['0.0.0120'])
    expect(files.list('/sys/class/mdev_bus')).toContain('0.0.0314')
    expect(await write(`${css}/drivers_probe`, '0.0.9999')).toBe('ENODEV')
  })

  test('is let go by vfio_ccw once its device is closed, which is gone then', async () => {
    const { kernel, files } = machine()
    await createMdev(kernel, 'vfio_ccw-io', uuid, '0.0.0313')
    const group = Number(files.readlink(`/sys/bus/mdev/devices/${uuid}/iommu_group`).split('/').at(-1))
    const device = openDevice(kernel, { group, name: uuid })
    expect(device.info.flags).toMatchObject({ ccw: true, pci: false })
    let isUnbound = false
    const unbinding = files.write(`${css}/drivers/vfio_ccw/unbind`, '0.0.0313').then(() => {
      isUnbound = true
    })
    await new Promise(setImmediate)
    expect(isUnbound).toBe(false)
    expect(files.list('/sys/class/mdev_bus')).toEqual(['matrix'])
    device.close()
    await unbinding
    expect(files.list('/sys/bus/mdev/devices')).toEqual([])
  })
})
