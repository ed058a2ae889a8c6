import { describe, expect, test } from 'vitest'
import { irqName, regionName } from '../../../src/host/bus/bus.ts'
import { decodeDeviceInfo, deviceFlag, vfioDeviceInfo } from '../../../src/uapi/device.ts'
import { encode } from '../../../src/uapi/struct.ts'

function kind(flags: number) {
  return decodeDeviceInfo(encode(vfioDeviceInfo, { flags })).flags
}

describe('indexes have names by the kind of device', () => {
  test.each([
    ['pci', deviceFlag.VFIO_DEVICE_FLAGS_PCI, ['bar0', 'bar5', 'rom', 'config', 'vga', 'region9'], [0, 5, 6, 7, 8, 9]],
    ['ccw', deviceFlag.VFIO_DEVICE_FLAGS_CCW, ['config', 'region1'], [0, 1]],
    ['ap', deviceFlag.VFIO_DEVICE_FLAGS_AP, ['region0'], [0]],
    ['platform', deviceFlag.VFIO_DEVICE_FLAGS_PLATFORM, ['region0', 'region3'], [0, 3]],
  ])('regions of %s', (_, flags, names, indexes) => {
    expect(indexes.map((index) => regionName(kind(flags), index))).toEqual(names)
  })

  test.each([
    ['pci', deviceFlag.VFIO_DEVICE_FLAGS_PCI, ['intx', 'msi', 'msix', 'err', 'req', 'irq5']],
    ['ccw', deviceFlag.VFIO_DEVICE_FLAGS_CCW, ['io', 'crw', 'req', 'irq3']],
    ['ap', deviceFlag.VFIO_DEVICE_FLAGS_AP, ['req', 'cfg-chg', 'irq2']],
    ['platform', deviceFlag.VFIO_DEVICE_FLAGS_PLATFORM, ['irq0', 'irq1']],
  ])('irqs of %s', (_, flags, names) => {
    expect(names.map((_name, index) => irqName(kind(flags), index))).toEqual(names)
  })
})
