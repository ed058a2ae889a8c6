import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../../src/host.ts'
import { formatShares, noShares, sharesOrNull } from '../../../../../src/lifecycle/device/gpu-shares.ts'
import { demo } from '../../../../../src/mock/shipped/demo.ts'
import { gpuHost } from '../../../../../src/mock/shipped/gpu-host.ts'
import { createMockHost } from '../../../../../src/mock-host.ts'
import { arcHost, b50, gib, oneCard, rebooted } from './arc-host.ts'

const [vf1, vf2] = ['0000:03:00.1', '0000:03:00.2'] as const
const admin = `/sys/bus/pci/devices/${b50}/sriov_admin`

async function withFunctions(count: number, scenario = oneCard) {
  const machine = arcHost(scenario)
  await machine.host.setVirtualFunctions({ device: b50, count, autoprobe: false })
  return machine
}

describe('shares as a word', () => {
  test.each([
    ['vram=8GiB,quantum=10ms,timeout=20ms', { vram: 8 * gib, quantumMs: 10, timeoutUs: 20_000, priority: 'low' }],
    ['timeout=1500us,priority=normal', { vram: 0, quantumMs: 0, timeoutUs: 1500, priority: 'normal' }],
    ['unlimited', noShares],
  ] as const)('%s comes back as it was', (word, shares) => {
    expect(sharesOrNull(word)).toEqual(shares)
    expect(formatShares(shares)).toBe(word)
  })

  test.each([
    '',
    'vram=1',
    'vram=8',
    'quantum=10',
    'quantum=101s',
    'timeout=1ms,timeout=2ms',
    'constructor=1',
    'priority=high',
  ])('%j is none', (word) => expect(sharesOrNull(word)).toBeNull())
})

describe('a function of an Intel GPU', () => {
  test('has an equal part as it comes, which is shown as its type', async () => {
    const { host } = await withFunctions(2)
    expect(host.list().devices.map(({ name, type, active }) => [name, type, active])).toEqual([
      [vf1, 'vram=4GiB', true],
      [vf2, 'vram=4GiB', true],
    ])
    expect(host.types().types).toMatchObject([{ parent: b50, type: 'shares', available: 0, devices: [vf1, vf2] }])
  })

  test('gets VRAM after its reset, and time; what it has already is not written', async () => {
    const { host } = await withFunctions(2)
    const shares = { vram: 8 * gib, quantumMs: 10, timeoutUs: 20_000 }
    expect((await host.start({ name: vf1, shares })).steps).toEqual([
      { action: 'write', path: `/sys/bus/pci/devices/${vf1}/reset`, value: '1' },
      { action: 'write', path: `${admin}/vf1/profile/vram_quota`, value: String(8 * gib) },
      { action: 'write', path: `${admin}/vf1/profile/exec_quantum_ms`, value: '10' },
      { action: 'write', path: `${admin}/vf1/profile/preempt_timeout_us`, value: '20000' },
    ])
    expect((await host.start({ name: vf1, shares: { quantumMs: 10 } })).changed).toBe(false)
  })

  test('keeps its VRAM while a process has it open, and gets other time', async () => {
    const { host, kernel } = await withFunctions(1)
    await host.bind({ device: vf1 })
    const node = `/dev/vfio/${kernel.files.readlink(`/sys/bus/pci/devices/${vf1}/iommu_group`).split('/').at(-1)}`
    const group = kernel.open(node, 'rw')
    await expect(host.start({ name: vf1, shares: { vram: gib } })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    await host.start({ name: vf1, shares: { quantumMs: 5 } })
    kernel.close(group)
    await host.start({ name: vf1, shares: { vram: gib } })
    expect(host.list().devices).toMatchObject([{ type: 'vram=1GiB,quantum=5ms' }])
  })

  test('keeps its VRAM while a driver of the host has it, which is named', async () => {
    const { host } = arcHost()
    await host.setVirtualFunctions({ device: b50, count: 1 })
    await expect(host.start({ name: vf1, shares: { vram: gib } })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message: expect.stringContaining('the host’s driver xe uses it'),
      hint: expect.stringContaining('--autoprobe off'),
    })
  })

  test('for which there is not enough VRAM has what it had, and is told who has the rest', async () => {
    const { host } = await withFunctions(2)
    await host.start({ name: vf1, shares: { vram: 8 * gib } })
    await expect(host.start({ name: vf2, shares: { vram: 12 * gib } })).rejects.toMatchObject({
      code: 'NO_INSTANCE_LEFT',
      errno: 'ENOMEM',
      message: expect.stringMatching(/1 has vram=8GiB; 0000:03:00\.2 has vram=4GiB, as before$/),
    })
  })

  test('is chosen by its card among those with their equal part; what somebody gave is not overwritten', async () => {
    const { host } = await withFunctions(3)
    const third = '0000:03:00.3'
    const started = async (vram: number) => (await host.start({ parent: b50, shares: { vram } })).name
    expect([await started(2 * gib), await started(gib)]).toEqual([vf1, vf2])
    await expect(started(3 * gib)).rejects.toMatchObject({
      code: 'NO_INSTANCE_LEFT',
      message: expect.stringContaining('has a share of its own'),
    })
    await host.stop({ name: third })
    expect(await started(3 * gib)).toBe(third)
    expect(host.list().devices.map(({ type }) => type)).toEqual(['vram=2GiB', 'vram=1GiB', 'vram=3GiB'])
  })

  test('has the priority of all functions of its card, and says so', async () => {
    const { host } = await withFunctions(2)
    const lines: string[] = []
    await host.start({ name: vf1, shares: { priority: 'normal' } }, { onMessage: (line) => lines.push(line) })
    expect(lines).toEqual([`the priority is that of all functions of ${b50}: it is normal now`])
    expect(host.list().devices.map(({ type }) => type)).toEqual(Array(2).fill('vram=4GiB,priority=normal'))
  })

  test('is listed with the process that has its node open', async () => {
    const { host, kernel } = await withFunctions(1)
    await host.bind({ device: vf1 })
    const node = host.list().devices[0]?.node ?? expect.fail('it has no node')
    const fd = kernel.open(node, 'rw')
    expect(host.list().devices).toMatchObject([{ name: vf1, users: [{ pid: kernel.pid }] }])
    kernel.close(fd)
    expect(host.list().devices).toMatchObject([{ name: vf1, users: [] }])
  })

  test('gives its share back as it stops', async () => {
    const { host } = await withFunctions(2)
    expect(await host.stop({ name: vf1 })).toMatchObject({ changed: true, type: 'vram=4GiB' })
    expect((await host.stop({ name: vf1 })).changed).toBe(false)
    expect(host.list().devices.map(({ name }) => name)).toEqual([vf2])
    expect(await host.start({ parent: b50, shares: { vram: gib } })).toMatchObject({ name: vf1 })
  })

  test('is defined before it is there, and gets its share before it comes, also at boot', async () => {
    const { host, kernel } = arcHost()
    await host.define({ name: vf2, shares: { vram: 6 * gib }, start: 'auto' })
    const { steps } = await host.setVirtualFunctions({ device: b50, count: 2, autoprobe: false })
    expect(steps.map((it) => ('path' in it ? it.path.split('/').slice(-3).join('/') : ''))).toEqual([
      `devices/${b50}/sriov_drivers_autoprobe`,
      'vf2/profile/vram_quota',
      `devices/${b50}/sriov_numvfs`,
      `vfioctl.d/sriov/${b50}.json`,
    ])
    const next = rebooted(kernel)
    expect((await next.host.restore()).results.map(({ kind, outcome }) => [kind, outcome])).toEqual([
      ['sriov', 'started'],
      ['xe-vf', 'already-there'],
    ])
    expect(next.host.list().devices).toMatchObject([{ name: vf2, type: 'vram=6GiB', active: true }])
  })

  test('has a definition that changes in part, is listed with what is kept, and goes', async () => {
    const { host } = await withFunctions(1)
    await host.define({ name: vf1, shares: { vram: gib, quantumMs: 10 } })
    await expect(host.define({ name: vf1, shares: { vram: 2 * gib } })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    await host.modify({ name: vf1, shares: { vram: 2 * gib } })
    expect(host.list().devices).toMatchObject([{ type: 'vram=8GiB', definition: { type: 'vram=2GiB,quantum=10ms' } }])
    expect((await host.start({ name: vf1 })).type).toBe('vram=2GiB,quantum=10ms')
    expect((await host.undefine({ name: vf1 }))[0]?.changed).toBe(true)
    expect(host.list().devices).toMatchObject([{ definition: null }])
  })

  test('is defined with the priority of the others of its card, and with no other', async () => {
    const { host } = await withFunctions(3)
    await host.define({ name: vf1, shares: { vram: gib, priority: 'normal' } })
    await host.define({ name: vf2, shares: { vram: gib } })
    expect(host.list().devices.map(({ definition }) => definition?.type)).toEqual([
      ...Array(2).fill('vram=1GiB,priority=normal'),
      undefined,
    ])
    const second = {
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining(`${vf1} is defined with normal, and all functions of ${b50} have the same`),
    }
    const low = { vram: gib, priority: 'low' } as const
    await expect(host.define({ name: '0000:03:00.3', shares: low })).rejects.toMatchObject(second)
    await expect(host.modify({ name: vf2, shares: low })).rejects.toMatchObject(second)
    await host.undefine({ name: vf1 })
    expect((await host.modify({ name: vf2, shares: low })).type).toBe('vram=1GiB')
  })

  test('comes back with a function that hangs and is made anew, if it is defined; what else goes is told', async () => {
    const { host, kernel } = await withFunctions(2)
    await host.define({ name: vf1, shares: { vram: 6 * gib, quantumMs: 10 } })
    await host.start({ name: vf1 })
    await kernel.files.write(`/sys/bus/pci/devices/${vf2}/reset_method`, '\n')
    const { ways } = await host.recover({ device: vf2 }, { dryRun: true, force: true })
    expect(ways).toMatchObject([{ way: 'functions', cost: expect.stringContaining('shares that are defined') }])
    expect((await host.recover({ device: vf2 }, { force: true })).recovered).toBe(true)
    expect(host.list().devices).toMatchObject([{ name: vf1, type: 'vram=6GiB,quantum=10ms', active: true }])
    const card = await host.recover({ device: b50 }, { dryRun: true, force: true })
    expect(card.ways.at(-1)?.cost).toContain(`vfioctl restore -p ${b50} brings back what is kept`)
  })
})

describe('what there is not', () => {
  test('a function that is not there is refused, with the number that makes it', async () => {
    const { host } = arcHost()
    await expect(host.start({ name: vf2, shares: { vram: gib } })).rejects.toMatchObject({
      code: 'NOT_FOUND',
      hint: `vfioctl sriov ${b50} 2`,
    })
  })

  test('before Linux 6.19 no share is given by hand, which is said plainly', async () => {
    const { host } = await withFunctions(1, { ...oneCard, kernel: '6.12' })
    await expect(host.start({ name: vf1, shares: { quantumMs: 10 } })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('shares time from 6.19 on, and VRAM from 7.1 on'),
    })
    expect(host.types().warnings).toContainEqual(expect.objectContaining({ path: admin }))
  })

  test('in Linux 6.19 time is shared, and VRAM is not', async () => {
    const { host } = await withFunctions(1, { ...oneCard, kernel: '6.19' })
    await host.start({ name: vf1, shares: { quantumMs: 10 } })
    expect(host.list().devices).toMatchObject([{ type: 'quantum=10ms' }])
    await expect(host.start({ name: vf1, shares: { vram: gib } })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('that came with 7.1'),
    })
  })

  test('shares are not for other devices, and attributes not for shares', async () => {
    const { host } = await withFunctions(1)
    const attributes = [{ name: 'vram_quota', value: '1' }]
    await expect(host.start({ name: vf1, attributes })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await expect(
      arcHost(demo).host.start({ parent: 'mtty', type: 'mtty-2', shares: { vram: gib } }),
    ).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringMatching(/^mtty gives no shares of a GPU: it is for mediated devices$/),
    })
    await expect(host.start({ shares: { vram: gib } })).rejects.toThrow(
      'shares are of a function or of a card: name one',
    )
  })

  test.each([
    ['41:00.0', 'it is for vGPUs'],
    ['81:00.0', 'it has the driver ice, not xe'],
  ])('a spec with shares of %s names its line, and says: %s', async (parent, reason) => {
    const { host } = arcHost(gpuHost)
    const spec = `version: 1\nparents:\n  - parent: '${parent}'\n    devices:\n      - { count: 1, vram: 1GiB }\n`
    await expect(host.plan(spec, { path: 'spec.yaml' })).rejects.toMatchObject({
      code: 'INVALID_SPEC',
      message: expect.stringMatching(
        new RegExp(`^spec\\.yaml:5:9: vram=1GiB: 0000:${parent} gives no shares of a GPU: ${reason}$`),
      ),
    })
  })

  test.each([
    ['EPERM', 'NOT_SUPPORTED', /this GPU or its firmware cannot/],
    ['EIO', 'SYSTEM_CALL_FAILED', /the firmware refuses/],
    ['EINVAL', 'SYSTEM_CALL_FAILED', /exec_quantum_ms/],
  ] as const)(
    '%s of a share (Documentation/ABI of Linux 6.19) is told with its reason, and nothing is kept of it',
    async (errno, code, message) => {
      const { kernel, faults } = createMockHost(oneCard)
      onTestFinished(() => kernel.dispose())
      const host = new Host(kernel)
      await host.setVirtualFunctions({ device: b50, count: 1, autoprobe: false })
      const before = host.list().devices
      faults.fail({ call: 'files.write', path: /exec_quantum_ms$/ }, errno)
      await expect(host.start({ name: vf1, shares: { vram: 4 * gib, quantumMs: 10 } })).rejects.toMatchObject({
        code,
        errno,
        message,
      })
      expect(host.list().devices).toEqual(before)
    },
  )

  test('a share that the tiles of a card do not agree on is a warning', async () => {
    const mock = createMockHost(oneCard)
    onTestFinished(() => mock.kernel.dispose())
    const its = new Host(mock.kernel)
    await its.setVirtualFunctions({ device: b50, count: 1, autoprobe: false })
    const path = `${admin}/vf1/profile/exec_quantum_ms`
    mock.faults.fail({ call: 'files.read', path, times: 1 }, 'EUCLEAN')
    expect(its.list().warnings).toEqual([{ path, message: 'is not the same on all tiles of the card' }])
  })
})
