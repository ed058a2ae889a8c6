import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { HostTree } from '../../host-tree.ts'
import { driverOf } from '../../mock/pci/pci-scenario.ts'

const devices = '/sys/bus/pci/devices'
const l40s = '0000:41:00.0'
const rtx = '0000:61:00.0'
const network = '0000:81:00.0'

function gpuHost(): Host {
  const host = new Host(createMockKernel('gpu-host'))
  onTestFinished(() => host[Symbol.asyncDispose]())
  return host
}

function count(host: Host, device: string): number | undefined {
  return host.physicalFunctions().functions.find(({ address }) => address === device)?.count
}

const settings = '/etc/vfioctl.d/sriov'

/** With the card that it is for. */
function kept(number: number): string {
  return `{\n  "count": ${number},\n  "vendor": "0x8086",\n  "device": "0x1592"\n}\n`
}

describe('virtual functions', () => {
  test('are there when the promise is kept, and their number is kept for the next boot', async () => {
    const host = gpuHost()
    const change = await host.setVirtualFunctions({ device: '81:00.0', count: 3 })
    expect(change).toMatchObject({ device: network, count: 3, total: 64, changed: true })
    expect(change.functions).toEqual(['0000:81:01.0', '0000:81:01.1', '0000:81:01.2'])
    expect(host.kernel.files.read(`${settings}/${network}.json`)).toBe(kept(3))
    expect(await host.setVirtualFunctions({ device: network, count: 3 })).toMatchObject({ changed: false, steps: [] })
  })

  test('go from one number to another by way of none, and with 0 nothing is kept', async () => {
    const host = gpuHost()
    await host.setVirtualFunctions({ device: network, count: 3 })
    const path = `${devices}/${network}/sriov_numvfs`
    const dry = await host.setVirtualFunctions({ device: network, count: 5 }, { dryRun: true })
    expect(dry.steps).toMatchObject([
      { action: 'write', path, value: '0' },
      { action: 'write', path, value: '5' },
      { action: 'save', content: kept(5) },
    ])
    expect(count(host, network)).toBe(3)
    await host.setVirtualFunctions({ device: network, count: 5, transient: true })
    expect(count(host, network)).toBe(5)
    expect(host.kernel.files.read(`${settings}/${network}.json`)).toContain('3')
    await host.setVirtualFunctions({ device: network, count: 0 })
    expect(count(host, network)).toBe(0)
    expect(host.kernel.files.list(settings)).toEqual([])
  })

  test('are not made where those are that the card left as it was taken out, which Linux would not survive', async () => {
    const [card, left] = ['0000:04:00.0', '0000:04:00.2']
    const tree = new HostTree()
    const numbers = { sriov_totalvfs: 4, sriov_numvfs: 0, sriov_offset: 1, sriov_stride: 1 }
    for (const [name, number] of Object.entries(numbers))
      tree.file(`sys/bus/pci/devices/${card}/${name}`, `${number}\n`)
    tree.link(`sys/bus/pci/devices/${left}/physfn`, `../${card}`)
    const kernel = openLinux({ root: tree.root })
    const host = new Host(kernel)
    await expect(host.setVirtualFunctions({ device: card, count: 2 })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message: expect.stringContaining(`${left} is left of ${card}`),
      hint: `for each: echo 1 > /sys/bus/pci/devices/${left}/remove`,
    })
    expect(kernel.files.read(`/sys/bus/pci/devices/${card}/sriov_numvfs`)).toBe('0\n')
  })

  test('of a GPU are there with what its driver makes of them', async () => {
    const host = gpuHost()
    const { functions } = await host.setVirtualFunctions({ device: rtx, count: 6 })
    for (const vf of functions) expect(host.kernel.files.kind(`${devices}/${vf}/nvidia/current_vgpu_type`)).toBe('file')
  })

  test('with NVIDIA’s own driver come by sriov-manage, all of them or none, and its driver is back', async () => {
    const host = gpuHost()
    const one = host.setVirtualFunctions({ device: l40s, count: 8 })
    await expect(one).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      hint: expect.stringContaining(`sriov ${l40s} 32`),
    })
    const change = await host.setVirtualFunctions({ device: l40s, count: 'all' })
    const program = '/usr/lib/nvidia/sriov-manage'
    expect(change.steps).toMatchObject([
      { action: 'run', path: program, arguments: ['-d', l40s] },
      { action: 'run', path: program, arguments: ['-e', l40s] },
      { action: 'save' },
    ])
    expect(change.functions).toHaveLength(32)
    expect(driverOf(host.kernel, l40s)).toBe('nvidia')
    expect(host.types({ parent: l40s, type: '1157' }).types).toMatchObject([{ availableAtMost: 32 }])
  })

  test('that are vGPUs, or that somebody has open, are not taken away', async () => {
    const host = gpuHost()
    const { name } = await host.start({ parent: l40s, type: '1157' })
    const refused = { code: 'DEVICE_BUSY', message: expect.stringContaining(`${name} is a vGPU (NVIDIA L40S-24Q)`) }
    await expect(host.setVirtualFunctions({ device: l40s, count: 0 })).rejects.toMatchObject(refused)
    await expect(host.setVirtualFunctions({ device: l40s, count: 'all' }, { dryRun: true })).rejects.toMatchObject(
      refused,
    )
    await host.stop({ name })
    const group = host.kernel.files.readlink(`${devices}/${name}/iommu_group`).split('/').at(-1)
    const fd = host.kernel.open(`/dev/vfio/${group}`, 'rw')
    await expect(host.setVirtualFunctions({ device: l40s, count: 0 })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    expect(count(host, l40s)).toBe(4)
    host.kernel.close(fd)
    await host.setVirtualFunctions({ device: l40s, count: 0 })
    expect(count(host, l40s)).toBe(0)
  })

  test.each([
    ['0000:41:00.4', 1, 'NOT_SUPPORTED', 'it is a virtual function itself, of 0000:41:00.0'],
    ['3b:00.0', 1, 'NOT_SUPPORTED', 'it has no SR-IOV'],
    ['99:00.0', 1, 'NOT_FOUND', 'there is no PCI device'],
    [network, 65, 'OUT_OF_RANGE', 'can have 0 to 64 virtual functions, not 65'],
    [network, -1, 'OUT_OF_RANGE', 'can have 0 to 64'],
    [network, 1.5, 'INVALID_ARGUMENT', 'count must be'],
  ] as const)('%s, %s: %s', async (device, wanted, code, because) => {
    const error = { code, message: expect.stringContaining(because) }
    await expect(gpuHost().setVirtualFunctions({ device, count: wanted })).rejects.toMatchObject(error)
  })

  test('need a driver that makes them: the error says which has the device, and what helps', async () => {
    const host = gpuHost()
    const { files } = host.kernel
    await files.write(`${devices}/${network}/driver/unbind`, network)
    const nobody = { code: 'NOT_SUPPORTED', errno: 'ENOENT', message: expect.stringContaining('no driver has it') }
    await expect(host.setVirtualFunctions({ device: network, count: 1 })).rejects.toMatchObject(nobody)
    await files.write(`${devices}/${network}/driver_override`, 'vfio-pci')
    await files.write('/sys/bus/pci/drivers_probe', network)
    await expect(host.setVirtualFunctions({ device: network, count: 1 })).rejects.toMatchObject({
      hint: expect.stringContaining('enable_sriov'),
    })
    expect(files.kind(settings)).toBe(null)
  })

  test('that do not get ready in time are told as what is missing', async () => {
    const host = gpuHost()
    await host.kernel.files.write(`${devices}/${rtx}/sriov_drivers_autoprobe`, '0')
    await expect(host.setVirtualFunctions({ device: rtx, count: 2, timeoutMs: 50 })).rejects.toMatchObject({
      code: 'TIMED_OUT',
      message: expect.stringContaining('2 of them, such as 0000:61:00.4, show no vGPU types'),
    })
  })
})
