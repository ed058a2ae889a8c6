import { describe, expect, test } from 'vitest'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { mainframe } from '../../../../src/mock/shipped/mainframe.ts'
import { sampleDisplays } from '../../../../src/mock/shipped/sample-displays.ts'
import { createMockHost } from '../../../../src/mock-host.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
const second = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1002'

function lines(xml: string | undefined): string[] {
  return (xml ?? '').split('\n')
}

describe('a PCI device', () => {
  test('that VFIO has is not managed: libvirt would give it back', async () => {
    const host = createMockHost('demo').host()
    await host.bind({ device: '0000:00:1f.6' })
    const { hostdevs, since, warnings } = await host.guest.libvirtXml(['00:1f.6'])
    expect(hostdevs.map(({ device }) => device)).toEqual(['0000:00:1f.6'])
    expect(lines(hostdevs[0]?.xml)).toEqual([
      "<hostdev mode='subsystem' type='pci' managed='no'>",
      '  <source>',
      "    <address domain='0x0000' bus='0x00' slot='0x1f' function='0x6'/>",
      '  </source>',
      '</hostdev>',
    ])
    expect({ since, warnings }).toEqual({ since: '1.0.5', warnings: [] })
  })

  test('that another driver has is managed, and a warning says what that means', async () => {
    const { hostdevs, warnings } = await createMockHost('demo').host().guest.libvirtXml(['00:1f.6'])
    expect(lines(hostdevs[0]?.xml)[0]).toBe("<hostdev mode='subsystem' type='pci' managed='yes'>")
    expect(warnings).toEqual([
      {
        path: '0000:00:1f.6',
        message:
          "is with e1000e: libvirt binds it to VFIO when the guest starts, and gives it back (managed='yes'); vfioctl bind 0000:00:1f.6 does so for good",
      },
    ])
  })

  test('goes by iommufd in libvirt 12.1, and a mediated device beside it by its group', async () => {
    const host = createMockHost({ ...gpuHost, modules: { ...gpuHost.modules, iommufd: {} } }).host()
    await host.start({ name: uuid, parent: '0000:3b:00.0', type: 'nvidia-222' })
    await host.start({ name: '0000:41:00.4', parent: '0000:41:00.0', type: '1157' })
    const { hostdevs, since, warnings } = await host.guest.libvirtXml([uuid, '41:00.4'], { iommufd: true })
    expect(lines(hostdevs[1]?.xml).slice(0, 2)).toEqual([
      "<hostdev mode='subsystem' type='pci' managed='no'>",
      "  <driver iommufd='yes'/>",
    ])
    expect(hostdevs[0]?.xml).not.toContain('iommufd')
    expect(since).toBe('12.1.0')
    expect(warnings).toEqual([{ path: uuid, message: 'goes by its group: libvirt has iommufd for PCI devices alone' }])
  })
})

test('a vGPU’s function shows its display too, from libvirt 10.3 on', async () => {
  const host = createMockHost(gpuHost).host()
  await host.start({ name: '0000:41:00.4', parent: '0000:41:00.0', type: '1157' })
  await host.start({ name: '0000:41:00.5', parent: '0000:41:00.0', type: '1157' })
  const { hostdevs, since } = await host.guest.libvirtXml(['41:00.4', '41:00.5'], { display: true })
  expect(hostdevs.map(({ xml }) => lines(xml)[0])).toEqual([
    "<hostdev mode='subsystem' type='pci' managed='no' display='on' ramfb='on'>",
    "<hostdev mode='subsystem' type='pci' managed='no' display='on'>",
  ])
  expect(since).toBe('10.3.0')
})

describe('a mediated device', () => {
  test('shows its display if asked, and the first the firmware’s picture', async () => {
    const host = createMockHost({ ...demo, parents: [...demo.parents, ...sampleDisplays] }).host()
    await host.start({ name: uuid, parent: 'mdpy', type: 'mdpy-vga' })
    await host.start({ name: second, parent: 'mdpy', type: 'mdpy-vga' })
    const { hostdevs, since } = await host.guest.libvirtXml([uuid, second], { display: true })
    expect(lines(hostdevs[0]?.xml)).toEqual([
      "<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on' ramfb='on'>",
      '  <source>',
      `    <address uuid='${uuid}'/>`,
      '  </source>',
      '</hostdev>',
    ])
    expect(lines(hostdevs[1]?.xml)[0]).toBe("<hostdev mode='subsystem' type='mdev' model='vfio-pci' display='on'>")
    expect(since).toBe('5.10.0')
    expect((await host.guest.libvirtXml([second], {})).since).toBe('3.2.0')
  })

  test.each([
    ['0.0.0313', 'vfio_ccw-io', 'vfio-ccw', '4.4.0'],
    ['matrix', 'vfio_ap-passthrough', 'vfio-ap', '4.9.0'],
  ])('on %s has the model of its interface', async (parent, type, model, since) => {
    const host = createMockHost(mainframe).host()
    await host.start({ name: uuid, parent, type })
    const { hostdevs, ...rest } = await host.guest.libvirtXml([uuid])
    expect(lines(hostdevs[0]?.xml)[0]).toBe(`<hostdev mode='subsystem' type='mdev' model='${model}'>`)
    expect(rest).toEqual({ since, warnings: [] })
  })
})
