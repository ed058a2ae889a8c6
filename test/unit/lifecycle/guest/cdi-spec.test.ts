import { describe, expect, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { stub } from '../../stub.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

/** What SPEC.md of CDI allows as the name of a device from version 0.5.0 on. */
const deviceName = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/

async function ready(modules: Readonly<Record<string, Readonly<Record<string, string>>>>) {
  const host = createMockHost({ ...gpuHost, modules: { ...gpuHost.modules, ...modules } }).host()
  await host.start({ name: uuid, parent: '0000:3b:00.0', type: 'nvidia-222' })
  await host.bind({ device: '0000:82:00.0' })
  return host
}

describe('a spec for containers', () => {
  test('has the container’s node for all, and the group of each', async () => {
    const host = await ready({})
    const group = host.list({ name: uuid }).devices[0]?.group
    const { spec, warnings } = await host.guest.cdiSpec([uuid, '82:00.0'])
    expect(spec).toEqual({
      cdiVersion: '0.5.0',
      kind: 'vfioctl/device',
      devices: [
        {
          name: uuid,
          containerEdits: { deviceNodes: [{ path: `/dev/vfio/${group}`, fileMode: 0o600, permissions: 'rw' }] },
        },
        {
          name: '0000-82-00.0',
          containerEdits: { deviceNodes: [{ path: '/dev/vfio/11', fileMode: 0o600, permissions: 'rw' }] },
        },
      ],
      containerEdits: { deviceNodes: [{ path: '/dev/vfio/vfio', fileMode: 0o666, permissions: 'rw' }] },
    })
    for (const { name } of spec.devices) expect(name).toMatch(deviceName)
    expect(warnings).toEqual([])
  })

  test('has iommufd’s node for all, and the own node of each', async () => {
    const host = await ready({ iommufd: {} })
    const { spec } = await host.guest.cdiSpec(['82:00.0'], { iommufd: true })
    const own = host.groups({ number: 11 }).groups[0]?.devices[0]?.node
    expect(own).toMatch(/^\/dev\/vfio\/devices\/vfio\d+$/)
    expect(spec.devices).toEqual([
      { name: '0000-82-00.0', containerEdits: { deviceNodes: [{ path: own, fileMode: 0o600, permissions: 'rw' }] } },
    ])
    expect(spec.containerEdits.deviceNodes).toEqual([{ path: '/dev/iommu', fileMode: 0o660, permissions: 'rw' }])
  })

  test.each(['type1v2', 'iommufd'] as const)('has the nodes that %s opens, and no other', async (iommu) => {
    const { kernel } = await ready({ iommufd: {} })
    const opened: string[] = []
    const open: typeof kernel.open = (path, access) => {
      opened.push(path)
      return kernel.open(path, access)
    }
    const host = new Host(stub(kernel, { open }))
    using device = await host.openDevice('82:00.0', { iommu })
    const { spec } = await host.guest.cdiSpec([device.name], { iommufd: iommu === 'iommufd' })
    const nodes = [spec, ...spec.devices].flatMap((it) => it.containerEdits.deviceNodes.map(({ path }) => path))
    expect(nodes.sort()).toEqual(opened.sort())
  })

  test('is of devices that have their nodes: one with another driver has none', async () => {
    const host = await ready({})
    await expect(host.guest.cdiSpec(['81:00.0'])).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      hint: 'vfioctl bind 0000:81:00.0',
    })
    await expect(host.guest.cdiSpec(['82:00.0'], { iommufd: true })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})
