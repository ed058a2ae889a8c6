import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { failedWith } from '../../../src/base/system-error.ts'
import type { HostFiles, Kernel } from '../../../src/kernel/kernel.ts'
import { MockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { isLinuxBefore } from '../kernel.ts'
import { findsBehindBridgesAgain, groupsAtOnce } from '../machine.ts'
import { bindPci, driverOf, openPci } from '../pci.ts'

const bus = '/sys/bus/pci'
const newId = `${bus}/drivers/vfio-pci/new_id`
const removeId = `${bus}/drivers/vfio-pci/remove_id`
const bridge = '0000:00:05.0'

interface Machine {
  readonly kernel: Kernel
  readonly files: HostFiles
  /** pci-testdev, which cannot be reset, with vfio-pci. */
  readonly testdev: string
  /** 'done', or the code of the failure. */
  write(file: string, text: string): Promise<string>
}

async function machine(context: TestContext): Promise<Machine> {
  const { kernel, address: testdev } = await bindPci(context, 'pci-testdev')
  const { files } = kernel
  onTestFinished(() => files.write(`${bus}/rescan`, '1'))
  const write = async (file: string, text: string) => {
    try {
      await files.write(file, text)
      return 'done'
    } catch (error) {
      const codes = ['EBUSY', 'ENODEV', 'EINVAL', 'ENOENT', 'EACCES', 'EEXIST', 'EIO', 'ENOTTY']
      return codes.find((code) => failedWith(error, code)) ?? String(error)
    }
  }
  return { kernel, files, testdev, write }
}

test('remove takes a device off the bus, with its group, and rescan finds it as it first was', async (context) => {
  const { files, testdev, write } = await machine(context)
  const path = `${bus}/devices/${testdev}`
  const group = files.readlink(`${path}/iommu_group`).split('/').at(-1)
  for (const [text, said] of [
    ['x', 'EINVAL'],
    ['-1', 'EINVAL'],
    ['0', 'done'],
  ] as const) {
    expect([text, await write(`${path}/remove`, text)]).toEqual([text, said])
  }
  expect(driverOf(files, testdev)).toBe('vfio-pci')
  expect(await write(`${path}/remove`, '2')).toBe('done')
  expect(files.kind(path)).toBe(null)
  expect(files.kind(`/sys/kernel/iommu_groups/${group}`)).toBe(null)
  expect(files.kind(`/dev/vfio/${group}`)).toBe(null)
  expect(await write(`${bus}/rescan`, 'x')).toBe('EINVAL')
  expect(await write(`${bus}/rescan`, '0')).toBe('done')
  expect(files.kind(path)).toBe(null)
  expect(await write(`${bus}/rescan`, '1')).toBe('done')
  if (groupsAtOnce) expect(files.readlink(`${path}/iommu_group`).split('/').at(-1)).toBe(group)
  else expect(files.kind(`${path}/iommu_group`)).toBe(null)
  expect(files.read(`${path}/driver_override`)).toBe('(null)\n')
  expect(driverOf(files, testdev)).toBe(null)
})

test('a bridge takes what is behind it along', async (context) => {
  if (!findsBehindBridgesAgain) context.skip('this kernel does not find them again')
  const { files, write } = await machine(context)
  const behind = ['0000:02:01.0', '0000:02:02.0']
  const there = () => [bridge, ...behind].filter((address) => files.kind(`${bus}/devices/${address}`) !== null)
  expect(there()).toHaveLength(3)
  expect(await write(`${bus}/devices/${bridge}/remove`, '1')).toBe('done')
  expect(there()).toEqual([])
  expect(await write(`${bus}/rescan`, '1')).toBe('done')
  expect(there()).toHaveLength(3)
  expect(files.list(`${bus}/devices/${bridge}/iommu_group/devices`).sort()).toEqual(
    groupsAtOnce ? [bridge, ...behind] : [bridge],
  )
})

test('new_id gives a driver the free devices of an id; remove_id leaves them with it', async (context) => {
  const { files, testdev, write } = await machine(context)
  const path = `${bus}/devices/${testdev}`
  expect(await write(`${path}/driver_override`, '\n')).toBe('done')
  expect(await write(`${path}/driver/unbind`, testdev)).toBe('done')
  for (const bad of ['zz', '1b36', '1b36 zz']) expect([bad, await write(newId, bad)]).toEqual([bad, 'EINVAL'])
  expect(await write(newId, '1b36 0005 1af4 1101')).toBe('done')
  expect(driverOf(files, testdev)).toBe(null)
  expect(await write(removeId, '1b36 0005')).toBe('done')
  expect(await write(newId, '1b36 0005\n')).toBe('done')
  expect(driverOf(files, testdev)).toBe('vfio-pci')
  expect(await write(newId, '0x1b36 0x0005')).toBe('EEXIST')
  for (const bad of ['zz', '1b36']) expect([bad, await write(removeId, bad)]).toEqual([bad, 'EINVAL'])
  expect(await write(removeId, '1b36 0006')).toBe('ENODEV')
  expect(await write(removeId, '1b36 0005')).toBe('done')
  expect(await write(removeId, '1b36 0005')).toBe('ENODEV')
  expect(driverOf(files, testdev)).toBe('vfio-pci')
  expect(await write(`${path}/driver/unbind`, testdev)).toBe('done')
  expect(await write(`${bus}/drivers/vfio-pci/bind`, testdev)).toBe('ENODEV')
})

test('new_id reads hex numbers up to what is none; an id in full may be given again; remove_id takes the first', async (context) => {
  const { kernel, files, write } = await machine(context)
  // what is beyond 16 bits is cut off before it is looked for
  const isCut = isLinuxBefore({ kernel }, 7, 0)
  const said: string[] = []
  const give = async (file: string, ids: readonly string[]) => {
    for (const id of ids) said.push(`${id.trim()}: ${await write(file, id)}`)
  }
  await give(newId, ['4321 1111', '\t4321  1111\n', '14321 1111', '4321 1111 1 2 3', '4321,1111', '4321 2222 1 2 x'])
  await give(newId, ['4321 1111 ffffffff ffffffff 0 0 0 9', '4321 3333 1 2 3 4 5'])
  expect(said.splice(0)).toEqual([
    '4321 1111: done',
    '4321  1111: EEXIST',
    `14321 1111: ${isCut ? 'EEXIST' : 'done'}`,
    '4321 1111 1 2 3: EEXIST',
    '4321,1111: EINVAL',
    '4321 2222 1 2 x: done',
    '4321 1111 ffffffff ffffffff 0 0 0 9: done',
    '4321 3333 1 2 3 4 5: EINVAL',
  ])
  await give(removeId, [
    '14321 1111',
    '4321 1111 1 2',
    '4321 1111',
    '4321 1111',
    '4321 1111',
    '4321 2222 1',
    '4321 2222',
  ])
  expect(said).toEqual([
    `14321 1111: ${isCut ? 'ENODEV' : 'done'}`,
    '4321 1111 1 2: ENODEV',
    '4321 1111: done',
    '4321 1111: done',
    '4321 1111: ENODEV',
    '4321 2222 1: done',
    '4321 2222: ENODEV',
  ])
  expect(files.kind(newId)).toBe('file')
})

test('a device without a driver is enabled as often as is written, and not disabled more often', async (context) => {
  const { files, testdev, write } = await machine(context)
  const path = `${bus}/devices/${testdev}`
  await write(`${path}/driver/unbind`, testdev)
  const said: string[] = []
  for (const text of ['0', '1', '2', '-1', '18446744073709551616', '0', '0', '0']) {
    said.push(`${await write(`${path}/enable`, text)} ${files.read(`${path}/enable`).trim()}`)
  }
  expect(said).toEqual(['EIO 0', 'done 1', 'done 2', 'EINVAL 2', 'EINVAL 2', 'done 1', 'done 0', 'EIO 0'])
})

test('drivers_autoprobe takes everything but a 0 for yes', async (context) => {
  const { files, write } = await machine(context)
  onTestFinished(() => files.write(`${bus}/drivers_autoprobe`, '1'))
  const shown: string[] = []
  for (const text of ['0', 'x', '0', '2']) {
    expect(await write(`${bus}/drivers_autoprobe`, text)).toBe('done')
    shown.push(files.read(`${bus}/drivers_autoprobe`).trim())
  }
  expect(shown).toEqual(['0', '1', '0', '1'])
})

test('reset takes a 1, and reset_method an order of the ways there are', async (context) => {
  const { files, write } = await machine(context)
  const nvme = `${bus}/devices/0000:04:00.0`
  if (files.kind(nvme) === null) context.skip('the machine has no NVMe controller')
  expect(files.read(`${nvme}/reset_method`)).toBe('flr bus\n')
  const said: string[] = []
  onTestFinished(() => files.write(`${nvme}/reset_method`, 'default'))
  for (const text of ['bus', 'bus flr', 'flr,bus', 'none', 'acpi', 'default']) {
    const told = await write(`${nvme}/reset_method`, text)
    said.push(`${text}: ${told}, ${files.read(`${nvme}/reset_method`).trim()}`)
  }
  expect(said).toEqual([
    'bus: done, bus',
    'bus flr: done, bus flr',
    'flr,bus: EINVAL, bus flr',
    'none: EINVAL, bus flr',
    'acpi: EINVAL, bus flr',
    'default: done, flr bus',
  ])
  for (const bad of ['0', '2', 'x']) expect([bad, await write(`${nvme}/reset`, bad)]).toEqual([bad, 'EINVAL'])
  expect(await write(`${nvme}/reset`, '1')).toBe('done')
  const cannot = `${bus}/devices/0000:00:03.0`
  expect(['reset', 'reset_method'].map((name) => files.kind(`${cannot}/${name}`))).toEqual([null, null])
})

test('of two on a bus, the first lists a reset of the bus, which is refused; the second has no reset at all', async (context) => {
  const { files, write } = await machine(context)
  const [first, second] = ['0000:02:01.0', '0000:02:02.0'].map((address) => `${bus}/devices/${address}`)
  if (first === undefined || files.kind(first) === null) context.skip('the machine has no conventional bridge')
  expect(files.read(`${first}/reset_method`)).toBe('bus\n')
  expect(await write(`${first}/reset`, '1')).toBe('ENOTTY')
  // asked again, it is not alone
  expect(await write(`${first}/reset_method`, 'bus')).toBe('EINVAL')
  expect(files.read(`${first}/reset_method`)).toBe('bus\n')
  expect(['reset', 'reset_method'].map((name) => files.kind(`${second}/${name}`))).toEqual([null, null])
})

test('a device that a driver has is not enabled or disabled by hand: EBUSY', async (context) => {
  const { testdev, write } = await machine(context)
  const enable = `${bus}/devices/${testdev}/enable`
  expect(await write(enable, 'x')).toBe('EINVAL')
  expect(await write(enable, '1')).toBe('EBUSY')
  expect(await write(enable, '0')).toBe('EBUSY')
})

test('who has a device that is to go is asked at once by req, and every ten seconds until it is closed', async (context) => {
  const { kernel, device, address } = await openPci(context, 'edu')
  const clock = kernel instanceof MockKernel ? kernel.machine.clock : null
  clock?.hold()
  const irq = device.irqs.get('req').enable([0])
  const unbound = kernel.files.write(`${bus}/drivers/vfio-pci/unbind`, address)
  expect(await irq.next({ timeoutMs: 5000 })).toEqual({ vector: 0, count: 1 })
  const before = performance.now()
  clock?.advance(9_000)
  await expect(irq.next({ timeoutMs: clock === null ? 8_000 : 0 })).rejects.toMatchObject({ code: 'INTERRUPT_TIMEOUT' })
  clock?.advance(1_000)
  expect(await irq.next({ timeoutMs: 5_000 })).toEqual({ vector: 0, count: 1 })
  if (clock === null) expect(performance.now() - before).toBeGreaterThan(9_000)
  device.close()
  await unbound
  expect(driverOf(kernel.files, address)).toBe(null)
}, 30_000)
