import { describe, expect, onTestFinished, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { arcPro } from '../../../../src/mock/shipped/arc-pro.ts'
import { openDevice } from '../../../../src/vfio/device.ts'
import { asyncCodeOf, codeOf } from '../machine.ts'
import { driverOf } from './pci-scenario.ts'

const devices = '/sys/bus/pci/devices'
const b50 = '0000:03:00.0'
const integrated = '0000:00:02.0'
const vf1 = '0000:03:00.1'
const gib = 2 ** 30

/** Facts of Documentation/ABI/testing/sysfs-driver-intel-xe-sriov and drivers/gpu/drm/xe of Linux 6.19 to 7.1. */
function machine(kernel: NonNullable<Scenario['kernel']> = '7', card = b50) {
  const mock = createMockKernel({ ...arcPro, kernel })
  onTestFinished(() => mock.dispose())
  const { files } = mock
  const admin = `${devices}/${card}/sriov_admin`
  return {
    kernel: mock,
    files,
    admin,
    read: (path: string) => files.read(`${admin}/${path}`),
    write: (path: string, value: string) => asyncCodeOf(files.write(`${admin}/${path}`, value)),
    of: (address: string, file: string, value: string) =>
      asyncCodeOf(files.write(`${devices}/${address}/${file}`, value)),
    numvfs: (count: number) => asyncCodeOf(files.write(`${devices}/${card}/sriov_numvfs`, String(count))),
    vram: (count: number) =>
      Array.from({ length: count }, (_, at) => Number(files.read(`${admin}/vf${at + 1}/profile/vram_quota`))),
  }
}

describe('the folder sriov_admin', () => {
  test('is there from Linux 6.19 on, also with no function: one folder for the card, one for each that there can be', () => {
    expect(machine('6.12').files.kind(machine('6.12').admin)).toBeNull()
    const { files, admin } = machine('6.19')
    const functions = Array.from({ length: 12 }, (_, at) => `vf${at + 1}`)
    expect(files.list(admin).sort()).toEqual(['.bulk_profile', 'pf', ...functions].sort())
    expect(files.readlink(`${admin}/pf/device`)).toBe(`../../../${b50}`)
  })

  test('goes with the driver', async () => {
    const { files, admin, of } = machine()
    expect(await of(b50, 'driver/unbind', b50)).toBeNull()
    expect(files.kind(admin)).toBeNull()
  })

  test('has VRAM from Linux 7.1 on, of cards that have any, and none for the physical function', () => {
    const profile = ({ files, admin }: ReturnType<typeof machine>, of: string) => files.list(`${admin}/${of}`).sort()
    const times = ['exec_quantum_ms', 'preempt_timeout_us', 'sched_priority']
    expect(profile(machine(), 'vf1/profile')).toEqual([...times, 'vram_quota'])
    expect(profile(machine(), '.bulk_profile')).toEqual([...times, 'vram_quota'])
    expect(profile(machine(), 'pf/profile')).toEqual(times)
    expect(profile(machine('6.19'), 'vf1/profile')).toEqual(times)
    expect(profile(machine('7', integrated), 'vf1/profile')).toEqual(times)
  })

  test('links a function while it is enabled', async () => {
    const { files, admin, numvfs } = machine()
    expect(files.kind(`${admin}/vf2/device`)).toBeNull()
    await numvfs(2)
    expect(files.readlink(`${admin}/vf2/device`)).toBe('../../../0000:03:00.2')
    await numvfs(0)
    expect(files.kind(`${admin}/vf2/device`)).toBeNull()
  })
})

describe('a share of time', () => {
  test('is 0, unlimited, at first; hex is taken; EINVAL for no number, ERANGE past 32 bits', async () => {
    const { read, write } = machine('6.19')
    expect(read('vf3/profile/exec_quantum_ms')).toBe('0\n')
    expect(await write('vf3/profile/exec_quantum_ms', '0x20\n')).toBeNull()
    expect(read('vf3/profile/exec_quantum_ms')).toBe('32\n')
    expect(await write('vf3/profile/preempt_timeout_us', '10ms')).toBe('EINVAL')
    expect(await write('vf3/profile/preempt_timeout_us', '4294967296')).toBe('ERANGE')
  })

  test('is at most what the firmware takes: 100 s of quantum, 100 s of timeout', async () => {
    const { read, write } = machine()
    await write('vf1/profile/exec_quantum_ms', '100001')
    await write('vf1/profile/preempt_timeout_us', '4294967295')
    expect(read('vf1/profile/exec_quantum_ms')).toBe('100000\n')
    expect(read('vf1/profile/preempt_timeout_us')).toBe('100000000\n')
  })

  test('is given to the card and all functions at once by .bulk_profile, which cannot be read: EACCES', async () => {
    const { read, write } = machine()
    expect(await write('.bulk_profile/exec_quantum_ms', '10')).toBeNull()
    expect(['pf', 'vf1', 'vf12'].map((it) => read(`${it}/profile/exec_quantum_ms`))).toEqual(['10\n', '10\n', '10\n'])
    expect(codeOf(() => read('.bulk_profile/exec_quantum_ms'))).toBe('EACCES')
  })
})

describe('the priority', () => {
  test('stands in brackets among the choices, of which virtual functions have no high', async () => {
    const { read, write } = machine()
    expect(read('vf1/profile/sched_priority')).toBe('[low] normal\n')
    expect(await write('pf/profile/sched_priority', 'high\n')).toBeNull()
    expect(read('pf/profile/sched_priority')).toBe('low normal [high]\n')
  })

  test('of one virtual function cannot be written: EACCES; of all it can, but not to high', async () => {
    const { read, write } = machine()
    expect(await write('vf1/profile/sched_priority', 'normal')).toBe('EACCES')
    expect(await write('.bulk_profile/sched_priority', 'high')).toBe('EINVAL')
    expect(await write('.bulk_profile/sched_priority', 'normal')).toBeNull()
    expect(read('vf4/profile/sched_priority')).toBe('low [normal]\n')
    expect(read('pf/profile/sched_priority')).toBe('low [normal] high\n')
  })
})

describe('VRAM', () => {
  test('comes in equal parts, each a power of two, if none was given by hand', async () => {
    const { numvfs, vram } = machine()
    await numvfs(2)
    expect(vram(3)).toEqual([4 * gib, 4 * gib, 0])
  })

  test('that was given by hand before keeps the card from giving any', async () => {
    const { numvfs, vram, write } = machine()
    expect(await write('vf1/profile/vram_quota', String(8 * gib))).toBeNull()
    await numvfs(2)
    expect(vram(2)).toEqual([8 * gib, 0])
  })

  test('is given in pieces of 2 MiB', async () => {
    const { vram, write } = machine()
    expect(await write('vf1/profile/vram_quota', '1')).toBeNull()
    expect(vram(1)).toEqual([2 ** 21])
  })

  test('is given back before more is looked for: of a function for which there is none left, nothing is there', async () => {
    const { vram, write } = machine()
    for (const vf of ['vf1', 'vf2']) await write(`${vf}/profile/vram_quota`, String(6 * gib))
    expect(await write('vf2/profile/vram_quota', String(10 * gib))).toBe('ENOMEM')
    expect(vram(2)).toEqual([6 * gib, 0])
  })

  test('is given back, and time too, if the functions go; the priority stays', async () => {
    const { numvfs, read, vram, write } = machine()
    await write('vf1/profile/vram_quota', String(gib))
    await write('vf1/profile/exec_quantum_ms', '10')
    await write('.bulk_profile/sched_priority', 'normal')
    await numvfs(1)
    expect(vram(1)).toEqual([gib])
    await numvfs(0)
    expect(vram(1)).toEqual([0])
    expect(read('vf1/profile/exec_quantum_ms')).toBe('0\n')
    expect(read('vf1/profile/sched_priority')).toBe('low [normal]\n')
  })

  test('is not changed by the firmware while a function is in use, nor before its reset: EIO', async () => {
    const { kernel, numvfs, of, vram, write } = machine()
    await numvfs(1)
    expect(driverOf(kernel, vf1)).toBe('xe')
    const change = () => write('vf1/profile/vram_quota', String(gib))
    expect(await change()).toBe('EIO')
    expect(await of(vf1, 'driver/unbind', vf1)).toBeNull()
    expect(await change()).toBe('EIO')
    expect(await of(vf1, 'reset', '1')).toBeNull()
    expect(await change()).toBeNull()
    expect(vram(1)).toEqual([gib])
    await of(vf1, 'driver_override', 'vfio-pci')
    await asyncCodeOf(kernel.files.write('/sys/bus/pci/drivers_probe', vf1))
    const group = Number(kernel.files.readlink(`${devices}/${vf1}/iommu_group`).split('/').at(-1))
    const device = openDevice(kernel, { group, name: vf1 }, { iommu: 'type1v2' })
    onTestFinished(() => device.close())
    expect(await change()).toBe('EIO')
    device.close()
    expect(await change()).toBeNull()
  })

  test('is too little for so many functions: ENOSPC, and none comes', async () => {
    const scenario = { ...arcPro, pci: arcPro.pci.map((it) => ({ ...it, ...(it.xe && { xe: { vram: 2 ** 22 } }) })) }
    const { files } = createMockKernel(scenario)
    expect(await asyncCodeOf(files.write(`${devices}/${b50}/sriov_numvfs`, '3'))).toBe('ENOSPC')
    expect(files.read(`${devices}/${b50}/sriov_numvfs`)).toBe('0\n')
  })
})

test('sriov_drivers_autoprobe keeps the functions that come from the host’s drivers, but not from one that is named', async () => {
  const { kernel, numvfs, of } = machine()
  await of(b50, 'sriov_drivers_autoprobe', '0')
  await numvfs(1)
  expect(driverOf(kernel, vf1)).toBeNull()
  await of(vf1, 'driver_override', 'vfio-pci')
  await asyncCodeOf(kernel.files.write('/sys/bus/pci/drivers_probe', vf1))
  expect(driverOf(kernel, vf1)).toBe('vfio-pci')
})

test('what is 0200 (Linux 6.19, vram_quota 7.1) is written and never read: EACCES', () => {
  const { read } = machine()
  const bulk = ['exec_quantum_ms', 'preempt_timeout_us', 'sched_priority', 'vram_quota']
  for (const path of [...bulk.map((name) => `.bulk_profile/${name}`), 'vf1/stop', 'vf12/stop']) {
    expect([path, codeOf(() => read(path))]).toEqual([path, 'EACCES'])
  }
})

test('the work of a function is stopped by a yes, EINVAL for what is none (xe_sriov_pf_sysfs.c of Linux 6.19); the mock has none, and refuses: EIO', async () => {
  const { write } = machine()
  expect(await write('vf1/stop', 'x')).toBe('EINVAL')
  expect(await write('vf1/stop', '0')).toBeNull()
  expect(await write('vf1/stop', '1')).toBe('EIO')
})
