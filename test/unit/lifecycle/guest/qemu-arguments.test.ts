import { describe, expect, test } from 'vitest'
import type { Warning } from '../../../../src/host/warning.ts'
import type { Host } from '../../../../src/host.ts'
import type { QemuOptions } from '../../../../src/lifecycle/guest/qemu-arguments.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { mainframe } from '../../../../src/mock/shipped/mainframe.ts'
import { sampleDisplays } from '../../../../src/mock/shipped/sample-displays.ts'
import { createMockHost } from '../../../../src/mock-host.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const byIommufd = { ...gpuHost, modules: { ...gpuHost.modules, iommufd: {} } }

/** The network card with a third port, in the group of the others. */
const withThirdFunction = gpuHost.pci.flatMap((it) =>
  it.address === '0000:81:00.1' ? [it, { ...it, address: '0000:81:00.2' }] : [it],
)
/** The L40S with all of its virtual functions: 0000:41:00.4 to 0000:41:04.3. */
const allFunctions = gpuHost.pci.map((it) =>
  it.address === '0000:41:00.0' && it.sriov !== undefined ? { ...it, sriov: { ...it.sriov, enabled: 32 } } : it,
)

function groupsOf(warnings: readonly Warning[]): string[] {
  return warnings.filter(({ path }) => path.startsWith('group ')).map(({ message }) => message)
}

/** The values of -device and -object, one for each. */
async function values(host: Host, devices: readonly string[], options?: QemuOptions): Promise<readonly string[]> {
  const { arguments: words } = await host.guest.qemuArguments(devices, options)
  return words.filter((word) => word !== '-device')
}

async function withPorts(scenario: Scenario = gpuHost): Promise<Host> {
  const host = createMockHost(scenario).host()
  await host.bind({ device: ['0000:81:00.0', '0000:81:00.1'] })
  await host.bind({ device: '0000:82:00.0' })
  return host
}

describe('a PCI device', () => {
  test('is named by its address, behind a root port of its own', async () => {
    expect(await values(await withPorts(), ['82:00.0'])).toEqual([
      'pcie-root-port,id=hostdev-port0,chassis=128',
      'vfio-pci,host=0000:82:00.0,id=hostdev0,bus=hostdev-port0',
    ])
  })

  test('whose domain has more than 16 bits is named by its path, as QEMU takes no such address', async () => {
    const pci = gpuHost.pci.map((it) => (it.address === '0000:82:00.0' ? { ...it, address: '10000:82:00.0' } : it))
    const host = createMockHost({ ...gpuHost, pci }).host()
    const [device] = await values(host, ['10000:82:00.0'], { topology: 'flat' })
    expect(device).toBe('vfio-pci,sysfsdev=/sys/bus/pci/devices/10000:82:00.0,id=hostdev0')
  })

  test('is opened by iommufd, by descriptors of the caller’s too, and then has no other name', async () => {
    const host = await withPorts(byIommufd)
    const flat = { iommufd: true, topology: 'flat' } as const
    expect(await values(host, ['82:00.0'], flat)).toEqual([
      '-object',
      'iommufd,id=iommufd0',
      'vfio-pci,host=0000:82:00.0,iommufd=iommufd0,id=hostdev0',
    ])
    const passed = await host.guest.qemuArguments(['82:00.0', '81:00.1'], { ...flat, firstDescriptor: 10 })
    expect(passed.arguments).toEqual([
      '-object',
      'iommufd,id=iommufd0,fd=10',
      '-device',
      'vfio-pci,iommufd=iommufd0,fd=11,id=hostdev0',
      '-device',
      'vfio-pci,iommufd=iommufd0,fd=12,id=hostdev1',
    ])
    expect(passed.descriptors).toEqual([
      { fd: 10, path: '/dev/iommu' },
      { fd: 11, path: '/dev/vfio/devices/vfio6' },
      { fd: 12, path: '/dev/vfio/devices/vfio5' },
    ])
    expect(passed.warnings).toEqual([])
  })

  test('if it is mediated, is told to be so beside its descriptor', async () => {
    const host = createMockHost({ ...demo, modules: { ...demo.modules, iommufd: {} } }, { kernel: '7' }).host()
    await host.start({ name: uuid, parent: 'mtty', type: 'mtty-1' })
    const passing = await host.guest.qemuArguments([uuid], { iommufd: true, firstDescriptor: 3, topology: 'flat' })
    expect(passing.arguments.at(-1)).toBe(
      `vfio-pci,sysfsdev=/sys/bus/mdev/devices/${uuid},iommufd=iommufd0,fd=4,id=hostdev0`,
    )
  })

  test.each([
    ['has VFIO already', '82:00.0', /^Linux 6\.6 with CONFIG_VFIO_DEVICE_CDEV has them; without --iommufd/],
    ['is with another driver', '3b:00.0', /^vfioctl bind 0000:3b:00\.0$/],
    ['is only defined', uuid, /^vfioctl start/],
  ])('a device without a node, which %s, is told what gives it one', async (_what, name, hint) => {
    const host = await withPorts()
    await host.define({ name: uuid, parent: '0000:3b:00.0', type: 'nvidia-222' })
    const passing = host.guest.qemuArguments([name], { iommufd: true, firstDescriptor: 3 })
    await expect(passing).rejects.toMatchObject({ code: 'NOT_FOUND', hint: expect.stringMatching(hint) })
  })

  test('descriptors are for iommufd alone', async () => {
    const passing = (await withPorts()).guest.qemuArguments(['82:00.0'], { firstDescriptor: 3 })
    await expect(passing).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})

describe('the functions of a device', () => {
  test('share a slot if the guest gets all of them, function 0 as the one that says so', async () => {
    expect(await values(await withPorts(), ['81:00.1', '82:00.0', '81:00.0'])).toEqual([
      'pcie-root-port,id=hostdev-port0,chassis=128',
      'pcie-root-port,id=hostdev-port1,chassis=129',
      'vfio-pci,host=0000:81:00.1,id=hostdev0,bus=hostdev-port0,addr=0x0.0x1',
      'vfio-pci,host=0000:82:00.0,id=hostdev1,bus=hostdev-port1',
      'vfio-pci,host=0000:81:00.0,id=hostdev2,bus=hostdev-port0,addr=0x0.0x0,multifunction=on',
    ])
  })

  test('are devices of their own if one is left on the host', async () => {
    const host = createMockHost({ ...gpuHost, pci: withThirdFunction }).host()
    expect(await values(host, ['81:00.0', '81:00.1'], { topology: 'flat' })).toEqual([
      'vfio-pci,host=0000:81:00.0,id=hostdev0',
      'vfio-pci,host=0000:81:00.1,id=hostdev1',
    ])
  })

  test('virtual functions are devices of their own, though their addresses fill a slot', async () => {
    const host = createMockHost({ ...gpuHost, pci: allFunctions }).host()
    const vfs = [0, 1, 2, 3, 4, 5, 6, 7].map((number) => `0000:41:01.${number}`)
    const placed = await values(host, vfs, { topology: 'flat' })
    expect(placed).toEqual(vfs.map((vf, index) => `vfio-pci,host=${vf},id=hostdev${index}`))
  })
})

test('functions stay together beside virtual ones in their slot, which are devices of their own', async () => {
  const pci = gpuHost.pci.map((it) =>
    it.address === '0000:81:00.0' && it.sriov !== undefined
      ? { ...it, sriov: { ...it.sriov, offset: 4, enabled: 2 } }
      : it,
  )
  const host = createMockHost({ ...gpuHost, pci }).host()
  expect(await values(host, ['81:00.0', '81:00.1', '81:00.4'], { topology: 'flat' })).toEqual([
    'vfio-pci,host=0000:81:00.0,id=hostdev0,addr=0x10.0x0,multifunction=on',
    'vfio-pci,host=0000:81:00.1,id=hostdev1,addr=0x10.0x1',
    'vfio-pci,host=0000:81:00.4,id=hostdev2',
  ])
})

describe('the topology', () => {
  test('flat has a slot of its own for functions that stay together', async () => {
    expect(await values(await withPorts(), ['81:00.*', '82:00.0'], { topology: 'flat' })).toEqual([
      'vfio-pci,host=0000:81:00.0,id=hostdev0,addr=0x10.0x0,multifunction=on',
      'vfio-pci,host=0000:81:00.1,id=hostdev1,addr=0x10.0x1',
      'vfio-pci,host=0000:82:00.0,id=hostdev2',
    ])
  })

  test('bridge has all behind one, from slot 1 on', async () => {
    expect(await values(await withPorts(), ['82:00.0', '81:00.*'], { topology: 'bridge' })).toEqual([
      'pcie-pci-bridge,id=hostdev-bridge0',
      'vfio-pci,host=0000:82:00.0,id=hostdev0,bus=hostdev-bridge0,addr=0x1',
      'vfio-pci,host=0000:81:00.0,id=hostdev1,bus=hostdev-bridge0,addr=0x2.0x0,multifunction=on',
      'vfio-pci,host=0000:81:00.1,id=hostdev2,bus=hostdev-bridge0,addr=0x2.0x1',
    ])
  })

  test('bridge-per-group has the groups of the host', async () => {
    const host = createMockHost({ ...gpuHost, pci: withThirdFunction }).host()
    const placed = await values(host, ['81:00.0', '82:00.0', '81:00.1'], { topology: 'bridge-per-group' })
    expect(placed).toEqual([
      'pcie-pci-bridge,id=hostdev-bridge0',
      'pcie-pci-bridge,id=hostdev-bridge1',
      'vfio-pci,host=0000:81:00.0,id=hostdev0,bus=hostdev-bridge0,addr=0x1',
      'vfio-pci,host=0000:82:00.0,id=hostdev1,bus=hostdev-bridge1,addr=0x1',
      'vfio-pci,host=0000:81:00.1,id=hostdev2,bus=hostdev-bridge0,addr=0x2',
    ])
  })

  test('has room for so many, and says so', async () => {
    const host = createMockHost({ ...gpuHost, pci: allFunctions }).host()
    const vfs = host.physicalFunctions({ device: '0000:41:00.0' }).functions.flatMap(({ functions }) => functions)
    await expect(host.guest.qemuArguments(vfs)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      facts: { needed: 32, most: 24 },
    })
  })
})

describe('a mediated device', () => {
  const parents = [...gpuHost.parents, ...sampleDisplays]

  test('shows its display if asked, the first with the picture of the firmware, and a resolution if it has an EDID', async () => {
    const host = createMockHost({ ...gpuHost, parents }).host()
    const second = uuid.replace(/1$/, '2')
    await host.start({ name: uuid, parent: 'mdpy', type: 'mdpy-vga' })
    await host.start({ name: second, parent: 'mbochs', type: 'mbochs-small' })
    const options = { display: true, resolution: { width: 1920, height: 1080 }, topology: 'flat' } as const
    const { arguments: words, warnings } = await host.guest.qemuArguments([uuid, second], options)
    const path = '/sys/bus/mdev/devices'
    expect(words.filter((word) => word !== '-device')).toEqual([
      `vfio-pci-nohotplug,sysfsdev=${path}/${uuid},id=hostdev0,display=on,ramfb=on`,
      `vfio-pci,sysfsdev=${path}/${second},id=hostdev1,display=on,xres=1920,yres=1080`,
    ])
    expect(warnings.map(({ path: of, message }) => `${of} ${message}`)).toEqual([
      `${second} shows its picture as a dma-buf: QEMU needs OpenGL, as -display gtk,gl=on`,
      `${uuid} has no EDID by which a guest could be told a resolution`,
    ])
    expect(await values(host, [uuid], { topology: 'flat' })).toEqual([`vfio-pci,sysfsdev=${path}/${uuid},id=hostdev0`])
  })

  test('of a mainframe is on no PCI bus', async () => {
    const host = createMockHost(mainframe).host()
    const second = uuid.replace(/1$/, '2')
    await host.start({ name: uuid, parent: '0.0.0313', type: 'vfio_ccw-io' })
    await host.start({ name: second, parent: 'matrix', type: 'vfio_ap-passthrough' })
    expect(await values(host, [uuid, second])).toEqual([
      `vfio-ccw,sysfsdev=/sys/bus/mdev/devices/${uuid},id=hostdev0`,
      `vfio-ap,sysfsdev=/sys/bus/mdev/devices/${second},id=hostdev1`,
    ])
  })

  test('a subchannel is not passed itself', async () => {
    const host = createMockHost(mainframe).host()
    await expect(host.guest.qemuArguments(['css/0.0.0313'])).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      hint: 'vfioctl types -p 0.0.0313; vfioctl list -p 0.0.0313',
    })
  })
})

describe('what is not ready is a warning, with the command that helps', () => {
  test('another driver, and a group that is not viable', async () => {
    const host = createMockHost('demo').host()
    const { warnings } = await host.guest.qemuArguments(['00:1f.0', '00:1f.6'])
    expect(warnings.map(({ path, message }) => `${path} ${message}`)).toEqual([
      '0000:00:1f.0 has no driver: vfioctl bind 0000:00:1f.0',
      '0000:00:1f.6 is with e1000e, not with a driver of VFIO: vfioctl bind 0000:00:1f.6',
      'group 3 is not viable, as 0000:00:1f.3 is with snd_hda_intel, 0000:00:1f.4 is with i801_smbus: vfioctl bind 0000:00:1f.0 --group',
    ])
  })

  test('no device that is given keeps its own group from being viable, as each has its own warning', async () => {
    const { guest } = createMockHost('demo').host()
    const others = (names: string[]) => guest.qemuArguments(names).then(({ warnings }) => groupsOf(warnings))
    expect(await others(['00:1f.*'])).toEqual([])
    expect(await others(['00:1f.0', '00:1f.3'])).toEqual([
      'is not viable, as 0000:00:1f.4 is with i801_smbus: vfioctl bind 0000:00:1f.0 --group',
    ])
    const { hostdevs, warnings } = await guest.libvirtXml(['00:1f.*'])
    expect(hostdevs.map(({ xml }) => xml.includes("managed='yes'"))).toEqual([true, true, true, true])
    expect(groupsOf(warnings)).toEqual([])
  })

  test('a device that is only defined, and one that is no vGPU yet', async () => {
    const host = createMockHost(gpuHost).host()
    await host.define({ name: uuid, parent: '0000:3b:00.0', type: 'nvidia-222' })
    const { arguments: words, warnings } = await host.guest.qemuArguments([uuid, '41:00.4'])
    expect(words).toContain(`vfio-pci,sysfsdev=/sys/bus/mdev/devices/${uuid},id=hostdev0,bus=hostdev-port0`)
    expect(warnings).toEqual([
      { path: uuid, message: `is not active: vfioctl start ${uuid}` },
      {
        path: '0000:41:00.4',
        message:
          'does not open: no vGPU has been made of this virtual function (vfioctl types -p 0000:41:00.4; vfioctl start -p 0000:41:00.4 -t TYPE)',
      },
    ])
  })

  test('iommufd that the kernel has not', async () => {
    const { warnings } = await (await withPorts()).guest.qemuArguments(['82:00.0'], { iommufd: true })
    expect(warnings.map(({ path }) => path)).toEqual(['0000:82:00.0', '/dev/iommu'])
  })

  test('a process that has the device open', async () => {
    const host = await withPorts()
    using device = await host.openDevice('82:00.0')
    const { warnings } = await host.guest.qemuArguments(['82:00.0'])
    expect(device.name).toBe('0000:82:00.0')
    expect(warnings).toMatchObject([{ path: '0000:82:00.0', message: expect.stringMatching(/^is in use by .*pid/) }])
  })
})

test('a bridge is no device for a guest: vfio-pci takes none', async () => {
  const { guest } = createMockHost('demo').host()
  const refused = {
    code: 'NOT_SUPPORTED',
    message: '0000:3a:00.0 is a bridge, which vfio-pci does not take',
    hint: expect.stringContaining('name the devices behind it'),
  }
  await expect(guest.qemuArguments(['3a:00.0'])).rejects.toMatchObject(refused)
  await expect(guest.libvirtXml(['00:1f.6', '3a:00.0'])).rejects.toMatchObject(refused)
  await expect(guest.cdiSpec(['3a:00.*'])).rejects.toMatchObject(refused)
})

test.each([[[]], [['3c:00.*']], [["'; reboot; '"]], [['\u202e\u0000']], [['<a>&"']]])(
  '%j names no device',
  async (names) => {
    const host = createMockHost('demo').host()
    await expect(host.guest.qemuArguments(names)).rejects.toMatchObject({ name: 'VfioError' })
    await expect(host.guest.libvirtXml(names)).rejects.toMatchObject({ name: 'VfioError' })
    await expect(host.guest.cdiSpec(names)).rejects.toMatchObject({ name: 'VfioError' })
  },
)
