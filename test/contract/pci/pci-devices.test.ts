import { describe, expect, test } from 'vitest'
import { failedWith } from '../../../src/base/system-error.ts'
import { hex } from '../../../src/base/units.ts'
import { driverOf, hasOwnPages, openPci, type PciName } from '../pci.ts'

const config256 = 'config 0x100 rw'
const config4096 = 'config 0x1000 rw'

/** Each device as vfio-pci shows it: ids, true if it can be reset, its regions, and vectors of INTx, MSI and MSI-X. */
const devices: [PciName, string, boolean, string[], number[]][] = [
  ['edu', '1234:11e8', false, ['bar0 0x100000 rwm', config256], [1, 1, 0]],
  ['edu-root-port', '1234:11e8', true, ['bar0 0x100000 rwm', config256], [1, 1, 0]],
  ['edu-shared-1', '1234:11e8', false, ['bar0 0x100000 rwm', config256], [1, 1, 0]],
  ['edu-shared-2', '1234:11e8', false, ['bar0 0x100000 rwm', config256], [1, 1, 0]],
  [
    'e1000e',
    '8086:10d3',
    true,
    ['bar0 0x20000 rwm', 'bar1 0x20000 rwm', 'bar2 0x20 rw', 'bar3 0x4000 rwm', 'rom 0x40000 r', config4096],
    [1, 1, 5],
  ],
  ['nvme', '1b36:0010', true, ['bar0 0x4000 rwm', config4096], [1, 0, 4]],
  ['pci-testdev', '1b36:0005', false, ['bar0 0x1000 rwm', 'bar1 0x100 rw', config256], [0, 0, 0]],
  ['ivshmem', '1af4:1110', false, ['bar0 0x100 rwm', 'bar2 0x100000 rwm', config256], [0, 0, 0]],
  [
    'bochs-display',
    '1234:1111',
    false,
    ['bar0 0x1000000 rwm', 'bar2 0x1000 rwm', 'rom 0x8000 r', config4096],
    [0, 0, 0],
  ],
  ['xhci', '1b36:000d', false, ['bar0 0x4000 rwm', config4096], [1, 0, 16]],
]

describe.each(devices)('%s', (name, ids, canReset, regions, vectors) => {
  test('has the regions and interrupts that it has on a real kernel', async (context) => {
    const { device } = await openPci(context, name)
    const { config } = device.regions
    const id = (offset: number) => config.read16(offset).toString(16).padStart(4, '0')
    expect(`${id(0)}:${id(2)}`).toBe(ids)
    expect(device.info.flags).toMatchObject({ pci: true, reset: canReset })
    const shown = [...device.regions].filter(({ size }) => size > 0)
    expect(
      shown.map(
        ({ name, size, flags: { read, write, mmap } }) =>
          `${name} ${hex(size)} ${read ? 'r' : ''}${write ? 'w' : ''}${mmap ? 'm' : ''}`,
      ),
    ).toEqual(
      regions.map((region, nth) => {
        const bar = shown[nth]
        return bar === undefined || bar.index >= 6 || hasOwnPages(device, bar) ? region : region.replace('m', '')
      }),
    )
    expect(['intx', 'msi', 'msix'].map((irq) => device.irqs.get(irq).count)).toEqual(vectors)
  })
})

test('the size of a BAR is told by writing ones to it, and of a BAR that is not there nothing', async (context) => {
  const { device } = await openPci(context, 'e1000e')
  const { config } = device.regions
  const sized = [0x10, 0x14, 0x18, 0x1c, 0x20, 0x24, 0x30].map((offset) => {
    const before = config.read32(offset)
    config.write32(offset, 0xffff_ffff)
    const mask = config.read32(offset)
    config.write32(offset, before)
    expect(config.read32(offset)).toBe(before)
    return hex(mask)
  })
  expect(sized).toEqual(['0xfffe0000', '0xfffe0000', '0xffffffe1', '0xffffc000', '0x0', '0x0', '0xfffc0001'])
})

test('the drivers of the bus answer to bind, unbind and drivers_probe', async (context) => {
  const { kernel, address } = await openPci(context, 'pci-testdev')
  const { files } = kernel
  const drivers = '/sys/bus/pci/drivers'
  const answer = async (file: string, text: string) => {
    try {
      await files.write(file, text)
      return 'done'
    } catch (error) {
      return ['EBUSY', 'ENODEV', 'EINVAL'].find((code) => failedWith(error, code)) ?? error
    }
  }
  const free = '0000:00:1f.3'
  const bridge = '0000:00:05.0'
  expect(driverOf(files, free)).toBe(null)
  expect(await answer(`${drivers}/vfio-pci/bind`, address)).toBe('EBUSY')
  expect(await answer(`${drivers}/vfio-pci/bind`, 'nobody')).toBe('ENODEV')
  expect(await answer(`${drivers}/vfio-pci/bind`, free)).toBe('ENODEV')
  expect(await answer(`${drivers}/vfio-pci/unbind`, free)).toBe('ENODEV')
  const ports = `${drivers}/pcieport`
  if (files.kind(ports) !== null) expect(await answer(`${ports}/unbind`, address)).toBe('ENODEV')
  expect(await answer('/sys/bus/pci/drivers_probe', address)).toBe('done')
  expect(await answer('/sys/bus/pci/drivers_probe', 'nobody')).toBe('ENODEV')
  // shpchp has the bridge if ACPI has not its slots
  const before = driverOf(files, bridge)
  expect(await answer(`/sys/bus/pci/devices/${bridge}/driver_override`, 'vfio-pci')).toBe('done')
  try {
    expect(await answer('/sys/bus/pci/drivers_probe', bridge)).toBe('done')
    expect(await answer(`${drivers}/vfio-pci/bind`, bridge)).toBe(before === null ? 'EINVAL' : 'EBUSY')
    expect(driverOf(files, bridge)).toBe(before)
  } finally {
    await files.write(`/sys/bus/pci/devices/${bridge}/driver_override`, '\n')
  }
  expect(files.read(`/sys/bus/pci/devices/${bridge}/driver_override`)).toBe('(null)\n')
})
