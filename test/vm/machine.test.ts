// Properties that the virtual machine must have before any test in it means something.
import { closeSync, existsSync, openSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import { hasConventionalBridge, isolatesPorts } from '../contract/machine.ts'
import { bindPci } from '../contract/pci.ts'

function groupOf(address: string): string {
  return basename(readlinkSync(`/sys/bus/pci/devices/${address}/iommu_group`))
}

function membersOf(group: string): string[] {
  return readdirSync(`/sys/kernel/iommu_groups/${group}/devices`).sort()
}

// ACPI tells of the IOMMU.
describe.runIf(process.arch === 'x64')('IOMMU groups of a PC', () => {
  it('a device on the root bus has a group of its own', () => {
    expect(membersOf(groupOf('0000:00:03.0'))).toEqual(['0000:00:03.0'])
  })

  it.runIf(hasConventionalBridge)('devices behind a conventional bridge share its group', () => {
    expect(membersOf(groupOf('0000:02:01.0'))).toEqual(['0000:00:05.0', '0000:02:01.0', '0000:02:02.0'])
  })

  it('the SATA controller shares a group with the LPC bridge and the SMBus', () => {
    expect(membersOf(groupOf('0000:00:1f.2'))).toEqual(['0000:00:1f.0', '0000:00:1f.2', '0000:00:1f.3'])
  })
})

// A device tree tells of the IOMMU.
describe.runIf(process.arch === 'arm64')('IOMMU groups of an Arm machine', () => {
  it('the second device behind a conventional bridge, which no driver has had, is in none', () => {
    expect(existsSync('/sys/bus/pci/devices/0000:02:02.0/iommu_group')).toBe(false)
  })

  it('a device behind a root port is in the group of the port before Linux 7, then in its own', async (context) => {
    const { group } = await bindPci(context, 'edu-root-port')
    expect(membersOf(String(group))).toEqual([...(isolatesPorts ? [] : ['0000:00:04.0']), '0000:01:00.0'])
  })
})

const behindConventionalBridge: [string, string, string][] = [
  ['0000:02:01.0', '0x1234', '0x11e8'],
  ['0000:02:02.0', '0x1234', '0x11e8'],
]

describe('PCI devices', () => {
  it.each([
    ...(hasConventionalBridge ? behindConventionalBridge : []),
    ['0000:00:03.0', '0x1234', '0x11e8'],
    ['0000:01:00.0', '0x1234', '0x11e8'],
    ['0000:03:00.0', '0x8086', '0x10d3'],
    ['0000:04:00.0', '0x1b36', '0x0010'],
    ['0000:00:08.0', '0x1b36', '0x0005'],
    ['0000:00:09.0', '0x1af4', '0x1110'],
    ['0000:00:0a.0', '0x1234', '0x1111'],
    ['0000:00:0b.0', '0x1b36', '0x000d'],
  ])('%s is %s:%s', (address, vendor, device) => {
    const read = (name: string) => readFileSync(`/sys/bus/pci/devices/${address}/${name}`, 'utf8').trim()
    expect([read('vendor'), read('device')]).toEqual([vendor, device])
  })
})

describe('VFIO', () => {
  it('the container can be opened', () => {
    closeSync(openSync('/dev/vfio/vfio', 'r+'))
  })

  it.each(['mtty', 'mdpy', 'mbochs'])('%s offers mediated device types', (parent) => {
    expect(readdirSync(`/sys/class/mdev_bus/${parent}/mdev_supported_types`)).not.toEqual([])
  })

  it('vfio-pci waits for devices', () => {
    expect(existsSync('/sys/bus/pci/drivers/vfio-pci/new_id')).toBe(true)
  })
})
