import { expect, test } from 'vitest'
import { isLinuxBefore } from '../kernel.ts'
import { openMdev } from '../open-mdev.ts'
import { openPci } from '../pci.ts'

test('mtty has INTx, which masks itself, and one MSI vector', async (context) => {
  const { device } = await openMdev(context, 'mtty', 'mtty-2')
  expect(device.info.numIrqs).toBe(5)
  expect(device.irqs.get('intx')).toEqual({
    index: 0,
    name: 'intx',
    count: 1,
    flags: { eventfd: true, maskable: true, automasked: true, noresize: false },
  })
  expect(device.irqs.get('msi')).toEqual({
    index: 1,
    name: 'msi',
    count: 1,
    flags: { eventfd: true, maskable: false, automasked: false, noresize: true },
  })
})

test('mtty answers for no other irq index, but for req before Linux 6.12', async (context) => {
  const contract = await openMdev(context, 'mtty', 'mtty-2')
  const { device } = contract
  const names = Array.from(device.irqs, ({ name }) => name)
  expect(names).toEqual(isLinuxBefore(contract, 6, 12) ? ['intx', 'msi', 'req'] : ['intx', 'msi'])
  expect(() => device.irqs.get('msix')).toThrow(
    expect.objectContaining({ code: 'NOT_FOUND', facts: { irq: 'msix', irqs: names } }),
  )
})

test('an edu has no vector of MSI-X, and none that could be added', async (context) => {
  const { device } = await openPci(context, 'edu')
  expect(device.irqs.get('msix')).toMatchObject({ count: 0, flags: { eventfd: true, noresize: true } })
})

test('mdpy has five irq indexes with no vector and no flag', async (context) => {
  const { device } = await openMdev(context, 'mdpy', 'mdpy-vga')
  expect(Array.from(device.irqs, ({ name, count }) => [name, count])).toEqual(
    ['intx', 'msi', 'msix', 'err', 'req'].map((name) => [name, 0]),
  )
  for (const { flags } of device.irqs) expect(Object.values(flags)).not.toContain(true)
})
