import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { instinct } from '../../../../src/mock/shipped/instinct.ts'

const [eight, one] = ['0000:05:00.0', '0000:26:00.0'] as const
const path = '/etc/modprobe.d/vfioctl-gim.conf'

function machine(change: Partial<Scenario> = {}) {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'vfioctl-gim-'))
  const scenario = { ...instinct, ...change }
  const open = () => {
    const host = new Host(new MockKernel(scenario, { stateDirectory }))
    onTestFinished(() => host[Symbol.asyncDispose]())
    return host
  }
  const boot = () => {
    rebootMock(stateDirectory, scenario)
    return open()
  }
  return { host: open(), boot }
}

function counts(host: Host) {
  return host.physicalFunctions().functions.map(({ count }) => count)
}

async function found(host: Host) {
  return (await host.doctor()).findings.filter(({ id }) => id.startsWith('gim-'))
}

describe('the line of modprobe for gim', () => {
  test('is written with the numbers of its other GPUs, changes nothing before gim is loaded, and then does', async () => {
    const { host, boot } = machine()
    const request = { device: eight, count: 8 }
    const dry = await host.writeGimLine(request, { dryRun: true })
    expect(host.kernel.files.kind(path)).toBe(null)
    const change = await host.writeGimLine(request)
    expect(change).toMatchObject({ line: 'options gim vf_num=8,1', changed: true, steps: dry.steps })
    expect(counts(host)).toEqual([1, 1])
    expect(await host.writeGimLine(request)).toMatchObject({ changed: false, steps: [] })
    expect((await host.boot.kept(eight)).kept).toMatchObject([
      { what: '8 virtual functions, by gim', now: 'has 1', path, forget: `vfioctl sriov ${eight} 0 --modprobe` },
    ])
    expect(counts(boot())).toEqual([8, 1])
  })

  test('keeps what it says of another GPU that has not come to be yet', async () => {
    const pci = instinct.pci.map((it) =>
      it.sriov && it.address === one ? { ...it, sriov: { ...it.sriov, totalVfs: 4 } } : it,
    )
    const { host } = machine({ pci })
    await host.writeGimLine({ device: eight, count: 'all' })
    expect(await host.writeGimLine({ device: one, count: 4 })).toMatchObject({ line: 'options gim vf_num=8,4' })
    expect(await host.writeGimLine({ device: eight, count: 4 })).toMatchObject({ line: 'options gim vf_num=4' })
  })

  test('is taken out for none, and others stay', async () => {
    const { host } = machine()
    await host.writeGimLine({ device: eight, count: 2 })
    expect(await host.writeGimLine({ device: eight, count: 0 })).toMatchObject({
      line: null,
      steps: [{ action: 'delete', path }],
    })
    expect(host.kernel.files.list('/etc/modprobe.d')).toEqual(['blacklist-amdgpu.conf'])
    expect(await host.writeGimLine({ device: eight, count: 0 })).toMatchObject({ changed: false })
  })

  test.each([
    ['more than the GPU can have', { device: one, count: 2 }, {}, 'OUT_OF_RANGE', /gim gives 0000:26:00.0 1 to 1/],
    [
      'a line of another file',
      { device: eight, count: 2 },
      { disk: { ...instinct.disk, '/etc/modprobe.d/amd.conf': '#\noptions gim vf_num=4\n' } },
      'ALREADY_EXISTS',
      /amd.conf:2 gives gim its numbers/,
    ],
    [
      'a file at its place that is not ours',
      { device: eight, count: 2 },
      { disk: { ...instinct.disk, [path]: 'options gim sch_policy=2\n' } },
      'ALREADY_EXISTS',
      /vfioctl-gim.conf gives/,
    ],
    [
      'different numbers for GPUs of two models, whose order gim does not document',
      { device: eight, count: 2 },
      { pci: instinct.pci.map((it) => (it.address === one ? { ...it, device: '0x74a5' } : it)) },
      'NOT_SUPPORTED',
      /in which order/,
    ],
    [
      'another driver',
      { device: eight, count: 2 },
      { pci: instinct.pci.map((it) => ({ ...it, driver: null })) },
      'NOT_SUPPORTED',
      /no driver/,
    ],
  ] as const)('is refused for %s, and nothing is written', async (_, request, change, code, message) => {
    const { host } = machine(change)
    const before = host.kernel.files
      .list('/etc/modprobe.d')
      .map((name) => host.kernel.files.read(`/etc/modprobe.d/${name}`))
    await expect(host.writeGimLine(request)).rejects.toMatchObject({ code, message })
    expect(
      host.kernel.files.list('/etc/modprobe.d').map((name) => host.kernel.files.read(`/etc/modprobe.d/${name}`)),
    ).toEqual(before)
  })

  test('is named if functions are asked for at once, which gim refuses (no sriov_configure: ENOENT)', async () => {
    await expect(machine().host.setVirtualFunctions({ device: eight, count: 8 })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      errno: 'ENOENT',
      message: expect.stringContaining(
        'cannot give 0000:05:00.0 8 virtual functions: no such file or directory (ENOENT): its driver gim makes',
      ),
      hint: expect.stringContaining(`vfioctl sriov ${eight} 8 --modprobe`),
    })
  })
})

describe('doctor', () => {
  test('finds a line that gim was not loaded with, until the next boot', async () => {
    const { host, boot } = machine()
    expect(await found(host)).toEqual([])
    await host.writeGimLine({ device: eight, count: 8 })
    expect(await found(host)).toMatchObject([
      {
        id: 'gim-line-not-in-effect',
        message: 'gim is to make functions by vf_num=8,1, and was loaded without a number',
      },
    ])
    expect(await found(boot())).toEqual([])
  })

  test('finds a GPU that stays without functions, as it cannot have so many', async () => {
    const { host } = machine({ disk: { ...instinct.disk, '/etc/modprobe.d/gim.conf': 'options gim vf_num=8\n' } })
    expect(await found(host)).toMatchObject([
      { id: 'gim-made-no-functions', device: one, commands: [`vfioctl sriov ${one} 1 --modprobe`] },
    ])
  })
})
