import { describe, expect, test } from 'vitest'
import {
  busDeviceOrNull,
  checkOnBus,
  findBusDevice,
  otherBusDevice,
  parseBusDevice,
  shownDevice,
} from '../../../src/host/bus/bus-device.ts'
import { readIommuGroups } from '../../../src/host/iommu-groups.ts'
import { findVfioDevice } from '../../../src/host/vfio-device.ts'
import { hostFiles } from '../../../src/kernel/linux-files.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { mainframe } from '../../../src/mock/shipped/mainframe.ts'
import { HostTree, uuids } from '../host-tree.ts'

const [uuid] = uuids

function code(expected: string, message: string) {
  return expect.objectContaining({ code: expected, message: expect.stringContaining(message) })
}

/** Of an arm64 board: an Ethernet port that VFIO has, in a group of its own, and a clock. */
function board(): HostTree {
  return new HostTree()
    .directory('sys/devices/platform/clk')
    .link('sys/devices/platform/e0700000.xgmac/subsystem', '../../../bus/platform')
    .link('sys/devices/platform/e0700000.xgmac/driver', '../../../bus/platform/drivers/vfio-platform')
    .link('sys/devices/platform/e0700000.xgmac/iommu_group', '../../../kernel/iommu_groups/3')
    .link('sys/bus/platform/devices/e0700000.xgmac', '../../../devices/platform/e0700000.xgmac')
    .link('sys/bus/platform/devices/clk', '../../../devices/platform/clk')
    .link('sys/kernel/iommu_groups/3/devices/e0700000.xgmac', '../../../../devices/platform/e0700000.xgmac')
}

describe('a name that tells its bus', () => {
  test.each([
    ['3B:00.0', 'pci', '0000:3b:00.0'],
    ['pci_0000_3b_00_0', 'pci', '0000:3b:00.0'],
    ['pci/3b:00.0', 'pci', '0000:3b:00.0'],
    [uuid.toUpperCase(), 'mdev', uuid],
    [`mdev_${uuid.replaceAll('-', '_')}`, 'mdev', uuid],
    ['0.0.0313', 'css', '0.0.0313'],
    ['css_0_0_0313', 'css', '0.0.0313'],
    ['0.0.AB13', 'css', '0.0.ab13'],
    ['ccw/0.0.1234', 'ccw', '0.0.1234'],
    ['05.002b', 'ap', '05.002b'],
    ['dprc.2', 'fsl-mc', 'dprc.2'],
    ['fsl-mc/dpni.1', 'fsl-mc', 'dpni.1'],
    ['cdx-00:01', 'cdx', 'cdx-00:01'],
    ['platform/Fixed MDIO bus.0', 'platform', 'Fixed MDIO bus.0'],
  ])('%s', (text, bus, name) => {
    expect(busDeviceOrNull(text)).toEqual({ bus, name })
  })

  test.each([
    '',
    '/',
    'mtty',
    'eth0',
    'usb/1-1',
    'css/',
    'css/matrix',
    'platform/..',
    'platform/a/b',
    '0.4.0313',
    'dp.1',
  ])('%j does not, or is none', (text) => {
    expect(busDeviceOrNull(text)).toBeNull()
    expect(() => parseBusDevice(text)).toThrow(code('INVALID_ARGUMENT', 'is not a device'))
  })

  test.each(['0000:3b:00.0', uuid, 'css/0.0.0313', 'ccw/0.0.1234', 'platform/clk'])('%s is shown so', (text) => {
    expect(shownDevice(parseBusDevice(text))).toBe(text)
  })
})

describe('a device is found', () => {
  const { files } = createMockKernel(mainframe)

  test.each([
    ['0.0.0313', 'css', '0.0.0313'],
    ['0.0.1235', 'ccw', '0.0.1235'],
    ['/sys/bus/css/devices/0.0.0313', 'css', '0.0.0313'],
    ['/sys/devices/css0/0.0.0314/0.0.1235/', 'ccw', '0.0.1235'],
    ['05.0004', 'ap', '05.0004'],
  ])('on a mainframe: %s', (text, bus, name) => {
    expect(findBusDevice(files, text)).toEqual({ bus, name })
  })

  test.each(['e0700000.xgmac', 'platform/e0700000.xgmac', '/sys/devices/platform/e0700000.xgmac'])(
    'on a board: %s',
    (text) => {
      const device = { bus: 'platform', name: 'e0700000.xgmac' }
      expect(otherBusDevice(hostFiles(board().root), text)).toEqual(device)
      expect(findVfioDevice(hostFiles(board().root), text)).toEqual({ ...device, group: 3 })
    },
  )

  test('or it is said that it is not there', () => {
    expect(() => checkOnBus(files, { bus: 'css', name: '0.0.0999' })).toThrow(
      code('NOT_FOUND', 'there is no subchannel 0.0.0999'),
    )
    expect(() => findVfioDevice(files, 'cdx-00:01')).toThrow(code('NOT_FOUND', 'there is no CDX device cdx-00:01'))
    expect(() => findBusDevice(files, 'nothing')).toThrow(code('NOT_FOUND', 'there is no device nothing'))
  })
})

describe('VFIO opens', () => {
  test('no subchannel, but what vfio_ccw makes of it', () => {
    const { files } = createMockKernel(mainframe)
    expect(() => findVfioDevice(files, 'css/0.0.0313')).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', hint: 'vfioctl types -p 0.0.0313; vfioctl list -p 0.0.0313' }),
    )
  })

  test('no platform device of another driver', () => {
    expect(() => findVfioDevice(hostFiles(board().root), 'clk')).toThrow(
      expect.objectContaining({ code: 'NOT_SUPPORTED', hint: 'vfioctl bind platform/clk' }),
    )
  })
})

describe('groups tell', () => {
  test('the bus of each device', () => {
    expect(readIommuGroups(hostFiles(board().root), { device: 'platform/e0700000.xgmac' }).groups).toMatchObject([
      { number: 3, viable: true, devices: [{ bus: 'platform', name: 'e0700000.xgmac', vendor: null }] },
    ])
  })

  test('of a device without one only where it is named', () => {
    const files = hostFiles(board().root)
    expect(readIommuGroups(files).withoutGroup).toEqual([])
    expect(readIommuGroups(files, { device: 'platform/clk' })).toMatchObject({
      groups: [],
      withoutGroup: [{ bus: 'platform', name: 'clk', driver: null }],
    })
  })
})
