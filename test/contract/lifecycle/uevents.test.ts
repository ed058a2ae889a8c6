import { expect, onTestFinished, type TestContext, test, vi } from 'vitest'
import type { Uevent } from '../../../src/kernel/uevents.ts'
import { openDescriptors } from '../../descriptors.ts'
import { type ContractKernel, contractKernel } from '../kernel.ts'
import { bindPci } from '../pci.ts'

/** Uevents of the kernel under test from now on; `told` gives those of devices whose path has `part` in it. */
async function listen(context: TestContext, { kernel }: Pick<ContractKernel, 'kernel'>) {
  const events: Uevent[] = []
  const watch = await kernel.watchUevents((event) => events.push(event))
  if (watch === null) return context.skip('ffi-rs or libudev is not installed')
  onTestFinished(() => watch.close())
  const told = (part: string) =>
    events
      .filter(({ devpath }) => devpath.includes(part))
      .map(({ action, subsystem, devpath }) => `${action} ${subsystem} ${devpath}`)
  return { events, told, watch }
}

test('a mediated device that appears and goes is told with its path, its driver and its node', async (context) => {
  const underTest = contractKernel()
  onTestFinished(() => underTest.kernel.dispose())
  const { events, told } = await listen(context, underTest)
  const { uuid, group } = await underTest.createMdev('mtty', 'mtty-1')
  await underTest.remove(uuid)
  const path = `/devices/virtual/mtty/mtty/${uuid}`
  const node = `/devices/virtual/vfio/${group}`
  const ofBoth = () => [...told(path), ...told(node)]
  await vi.waitFor(() => expect(ofBoth()).toHaveLength(8), 10_000)
  const here = events.filter(({ devpath }) => devpath.includes(path) || devpath === node)
  expect(here.map(({ action, subsystem }) => `${action} ${subsystem}`)).toEqual([
    'add mdev',
    'add vfio',
    'add vfio-dev',
    'bind mdev',
    'remove vfio-dev',
    'remove vfio',
    'unbind mdev',
    'remove mdev',
  ])
  expect(here[0]?.devpath).toBe(path)
  expect(here[1]?.devpath).toBe(node)
  expect(here[2]?.devpath).toMatch(/\/vfio-dev\/vfio\d+$/)
  expect(events.find(({ action }) => action === 'bind')?.properties).toMatchObject({ DRIVER: 'mtty' })
  expect(events.find(({ subsystem }) => subsystem === 'vfio')?.properties).toMatchObject({
    DEVNAME: `/dev/vfio/${group}`,
  })
  const numbers = events.map(({ seqnum }) => seqnum)
  expect(numbers).toEqual([...numbers].sort((a, b) => a - b))
  expect(new Set(numbers).size).toBe(numbers.length)
})

test('a PCI device tells which driver it gets and loses', async (context) => {
  const { kernel, address } = await bindPci(context, 'edu')
  const { events, told } = await listen(context, { kernel })
  await kernel.files.write('/sys/bus/pci/drivers/vfio-pci/unbind', address)
  await kernel.files.write('/sys/bus/pci/drivers/vfio-pci/bind', address)
  const isDone = () => events.some(({ action, devpath }) => action === 'bind' && devpath.endsWith(`/${address}`))
  await vi.waitFor(() => expect(isDone()).toBe(true), 10_000)
  expect(told(`/${address}`)).toEqual([
    expect.stringMatching(/^remove vfio-dev .*\/vfio-dev\/vfio\d+$/),
    expect.stringMatching(/^unbind pci .*\/0000:/),
    expect.stringMatching(/^add vfio-dev .*\/vfio-dev\/vfio\d+$/),
    expect.stringMatching(/^bind pci .*\/0000:/),
  ])
  expect(events.find(({ action }) => action === 'bind')?.properties).toMatchObject({
    DRIVER: 'vfio-pci',
    PCI_ID: '1234:11E8',
    PCI_SLOT_NAME: address,
  })
})

test('nothing is told after the end, and the descriptors are gone', async (context) => {
  const underTest = contractKernel()
  onTestFinished(() => underTest.kernel.dispose())
  const { kernel } = underTest
  const before = openDescriptors(kernel)
  const ended = await listen(context, underTest)
  ended.watch.close()
  ended.watch.close()
  expect(openDescriptors(kernel).filter((it) => !before.includes(it))).toEqual([])
  const others = await listen(context, underTest)
  const { uuid } = await underTest.createMdev('mtty', 'mtty-1')
  await underTest.remove(uuid)
  await vi.waitFor(() => expect(others.told(uuid)).toContainEqual(expect.stringContaining('remove mdev')), 10_000)
  expect(ended.events).toEqual([])
})

test('a listener may end it, within a burst', async (context) => {
  const underTest = contractKernel()
  onTestFinished(() => underTest.kernel.dispose())
  const seen: Uevent[] = []
  const watch = await underTest.kernel.watchUevents((event) => {
    seen.push(event)
    watch?.close()
  })
  if (watch === null) return context.skip('ffi-rs or libudev is not installed')
  const others = await listen(context, underTest)
  const { uuid } = await underTest.createMdev('mtty', 'mtty-1')
  await underTest.remove(uuid)
  await vi.waitFor(() => expect(others.told(uuid)).toContainEqual(expect.stringContaining('remove mdev')), 10_000)
  expect(seen).toHaveLength(1)
})
