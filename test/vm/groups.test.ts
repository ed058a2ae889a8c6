import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { readIommuGroups } from '../../src/host/iommu-groups.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { vfioctl } from '../cli/vfioctl.ts'
import { bindPci, openPci } from '../contract/pci.ts'

const { files, pid } = openLinux()

function groupOf(device: string) {
  return readIommuGroups(files, { device }).groups[0]
}

describe('the IOMMU groups of the machine', () => {
  it('are as many as sysfs has, each device in one', () => {
    const { groups, warnings } = readIommuGroups(files)
    expect(warnings).toEqual([])
    expect(groups.map(({ number }) => String(number))).toEqual(
      files.list('/sys/kernel/iommu_groups').sort((a, b) => Number(a) - Number(b)),
    )
    const names = groups.flatMap(({ devices }) => devices.map(({ name }) => name))
    expect(names.sort()).toEqual([...new Set(names)])
    expect(names).toEqual(expect.arrayContaining(files.list('/sys/bus/pci/devices')))
  })

  it('say what is behind a conventional bridge, and that the bridge does not spoil it', () => {
    expect(groupOf('0000:02:01.0')).toMatchObject({
      viable: true,
      devices: [
        { name: '0000:00:05.0', class: '0x060400' },
        { name: '0000:02:01.0', vendor: '0x1234', device: '0x11e8' },
        { name: '0000:02:02.0', vendor: '0x1234', device: '0x11e8' },
      ],
    })
  })

  it('name the driver that spoils a group', () => {
    const [spoilt] = readIommuGroups(files).groups.filter(({ viable }) => !viable)
    expect(spoilt).toMatchObject({ blockers: [{ driver: 'virtio-pci' }], node: null })
  })
})

describe('a device with vfio-pci', () => {
  it('has a node, and its user is seen', async (context) => {
    const { device, address } = await openPci(context, 'edu')
    const group = groupOf(address)
    expect(group?.viable).toBe(true)
    expect(group?.node).toBe(`/dev/vfio/${device.group}`)
    expect(group?.users).toMatchObject([{ pid }])
    const [own] = group?.devices ?? []
    expect(own?.driver).toBe('vfio-pci')
    expect(own?.node !== null).toBe(existsSync('/dev/vfio/devices'))
  })

  it('can be looked into, triggered and reset from the command line', async (context) => {
    const { address } = await bindPci(context, 'edu-root-port')
    const { status, stdout } = vfioctl(['inspect', address, '--json'])
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({
      device: { name: address, flags: { pci: true, reset: true } },
      config: { header: { vendorId: 0x1234, deviceId: 0x11e8 }, capabilities: [{ name: 'msi' }] },
    })
    expect(vfioctl(['irq', address, 'trigger', 'msi'])).toMatchObject({
      status: 0,
      stderr: `triggered msi 0 of ${address}, and it came\n`,
    })
    expect(vfioctl(['reset', address])).toEqual({ status: 0, stdout: '', stderr: `reset ${address}\n` })
    expect(vfioctl(['dump', address, 'config', '--length', '4']).stdout).toContain('34 12 e8 11')
  })
})
