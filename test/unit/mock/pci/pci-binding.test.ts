import { describe, expect, test } from 'vitest'
import { request } from '../../../../src/uapi/requests.ts'
import { asyncCodeOf, codeOf, cString, int32, wordAt, words } from '../machine.ts'
import { bridge, driverOf, edu, first, openPci, pciKernel, second, toVfio } from './pci-scenario.ts'

const drivers = '/sys/bus/pci/drivers'

describe('driver_override and drivers_probe', () => {
  test('give a free device to vfio-pci, and a group gets its node', async () => {
    const kernel = pciKernel()
    expect(kernel.files.kind('/dev/vfio/3')).toBe(null)
    await toVfio(kernel, edu)
    expect(driverOf(kernel, edu)).toBe('vfio-pci')
    expect(kernel.files.read(`/sys/bus/pci/devices/${edu}/driver_override`)).toBe('vfio-pci\n')
    expect(kernel.files.kind('/dev/vfio/3')).toBe('device')
    expect(kernel.files.list(`/sys/bus/pci/devices/${edu}/vfio-dev`)).toEqual(['vfio0'])
    expect(kernel.files.list(`${drivers}/vfio-pci`)).toContain(edu)
  })

  test('without an override the device goes back to its own driver, and the node is gone', async () => {
    const kernel = pciKernel()
    await toVfio(kernel, second)
    const path = `/sys/bus/pci/devices/${second}`
    await kernel.files.write(`${path}/driver_override`, '\n')
    expect(kernel.files.read(`${path}/driver_override`)).toBe('(null)\n')
    await kernel.files.write(`${path}/driver/unbind`, second)
    expect(driverOf(kernel, second)).toBe(null)
    await kernel.files.write('/sys/bus/pci/drivers_probe', second)
    expect(driverOf(kernel, second)).toBe('snd_hda_intel')
    expect(kernel.files.kind('/dev/vfio/5')).toBe(null)
  })

  test('a device that has a driver keeps it; what nobody fits stays free', async () => {
    const kernel = pciKernel()
    await kernel.files.write(`/sys/bus/pci/devices/${second}/driver_override`, 'vfio-pci')
    await kernel.files.write('/sys/bus/pci/drivers_probe', second)
    expect(driverOf(kernel, second)).toBe('snd_hda_intel')
    await kernel.files.write('/sys/bus/pci/drivers_probe', first)
    expect(driverOf(kernel, first)).toBe(null)
    expect(await asyncCodeOf(kernel.files.write('/sys/bus/pci/drivers_probe', 'nobody'))).toBe('ENODEV')
  })
})

describe('bind and unbind', () => {
  test('ENODEV for a device that the driver does not fit or have, EBUSY for one that is bound', async () => {
    const kernel = pciKernel()
    const write = (file: string, text: string) => asyncCodeOf(kernel.files.write(`${drivers}/${file}`, text))
    expect(await write('vfio-pci/bind', edu)).toBe('ENODEV')
    expect(await write('vfio-pci/unbind', edu)).toBe('ENODEV')
    await toVfio(kernel, edu)
    expect(await write('vfio-pci/bind', edu)).toBe('EBUSY')
    expect(await write('snd_hda_intel/unbind', edu)).toBe('ENODEV')
    expect(await write('vfio-pci/unbind', 'nobody')).toBe('ENODEV')
    expect(await write('vfio-pci/unbind', `${edu}\n`)).toBe(null)
    expect(await write('vfio-pci/bind', edu)).toBe(null)
  })

  test('vfio-pci refuses bridges, and what no IOMMU isolates', async () => {
    const kernel = pciKernel()
    for (const address of [bridge, '0000:00:01.0']) {
      await toVfio(kernel, address)
      expect(driverOf(kernel, address)).toBe(null)
      expect(await asyncCodeOf(kernel.files.write(`${drivers}/vfio-pci/bind`, address))).toBe('EINVAL')
    }
  })

  test('unbind waits until the device is closed, and its mappings are gone', async () => {
    const kernel = pciKernel()
    await toVfio(kernel, edu)
    const { device, group } = openPci(kernel, edu)
    const mapping = kernel.mmap(device, { offset: 0, length: 4096, access: 'rw' })
    let isUnbound = false
    const unbinding = kernel.files.write(`${drivers}/vfio-pci/unbind`, edu).then(() => {
      isUnbound = true
    })
    expect(driverOf(kernel, edu)).toBe(null)
    expect(codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(edu)))).toBe('ENODEV')
    kernel.close(device)
    await new Promise(setImmediate)
    expect(isUnbound).toBe(false)
    mapping.close()
    await unbinding
    expect(kernel.files.kind('/dev/vfio/3')).toBe(null)
  })
})

describe('a group', () => {
  test('is not viable beside a driver that uses DMA: status 0, EPERM', async () => {
    const kernel = pciKernel()
    await toVfio(kernel, first)
    const container = kernel.open('/dev/vfio/vfio', 'rw')
    const group = kernel.open('/dev/vfio/5', 'rw')
    const status = () => {
      const bytes = words(8, 0)
      kernel.ioctl(group, request.VFIO_GROUP_GET_STATUS, bytes)
      return wordAt(bytes, 4)
    }
    expect(status()).toBe(0)
    expect(codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container)))).toBe('EPERM')
    await kernel.files.write(`/sys/bus/pci/devices/${second}/driver/unbind`, second)
    expect(status()).toBe(1)
    kernel.ioctl(group, request.VFIO_GROUP_SET_CONTAINER, int32(container))
    expect(status()).toBe(3)
  })

  test('gives out each of its devices, those of vfio-pci alone', async () => {
    const kernel = pciKernel()
    await toVfio(kernel, first, second)
    const { group, device } = openPci(kernel, first)
    const get = (name: string) => codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(name)))
    expect([bridge, edu, '0000:02:1.0'].map(get)).toEqual(['ENODEV', 'ENODEV', 'ENODEV'])
    expect(get(`${first} vf_token=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001`)).toBe('EINVAL')
    const other = kernel.ioctl(group, request.VFIO_GROUP_GET_DEVICE_FD, cString(second))
    kernel.close(device)
    expect(codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER))).toBe('EBUSY')
    kernel.close(other)
    expect(codeOf(() => kernel.ioctl(group, request.VFIO_GROUP_UNSET_CONTAINER))).toBe(null)
  })
})
