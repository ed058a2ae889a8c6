import { expect, onTestFinished, test, vi } from 'vitest'
import type { Uevent } from '../../../../src/kernel/uevents.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import type { Scenario } from '../../../../src/mock/scenario/scenario.ts'
import { createMdev, removeMdev, uuid } from '../machine.ts'
import { edu, pciScenario, toVfio } from '../pci/pci-scenario.ts'

async function watched(scenario: 'demo' | 'gpu-host' | 'mainframe' | Scenario) {
  const kernel = createMockKernel(scenario)
  onTestFinished(() => kernel.dispose())
  const events: Uevent[] = []
  await kernel.watchUevents((event) => events.push(event))
  const told = () => events.map(({ action, subsystem, devpath }) => `${action} ${subsystem} ${devpath}`)
  return { kernel, events, told }
}

test('a mediated device appears, is bound, and goes with its group', async () => {
  const { kernel, events, told } = await watched('demo')
  await createMdev(kernel, 'mtty-1', uuid)
  await removeMdev(kernel, uuid)
  const group = expect.stringMatching(/^\w+ vfio \/devices\/virtual\/vfio\/\d+$/)
  const path = `/devices/virtual/mtty/mtty/${uuid}`
  const ofVfio = `${path}/vfio-dev/vfio0`
  await vi.waitFor(() =>
    expect(told()).toEqual([
      `add mdev ${path}`,
      group,
      `add vfio-dev ${ofVfio}`,
      `bind mdev ${path}`,
      `remove vfio-dev ${ofVfio}`,
      group,
      `unbind mdev ${path}`,
      `remove mdev ${path}`,
    ]),
  )
  expect(events.map(({ seqnum }) => seqnum)).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
  expect(events[3]?.properties).toEqual({ DRIVER: 'mtty' })
})

test('a PCI device is told with its ids, and which driver has it', async () => {
  const { kernel, events, told } = await watched(pciScenario)
  await toVfio(kernel, edu)
  await kernel.files.write(`/sys/bus/pci/devices/${edu}/remove`, '1')
  await kernel.files.write('/sys/bus/pci/rescan', '1')
  const path = `/devices/pci0000:00/${edu}`
  await vi.waitFor(() =>
    expect(told()).toEqual([
      'add vfio /devices/virtual/vfio/3',
      `add vfio-dev ${path}/vfio-dev/vfio0`,
      `bind pci ${path}`,
      `remove vfio-dev ${path}/vfio-dev/vfio0`,
      'remove vfio /devices/virtual/vfio/3',
      `unbind pci ${path}`,
      `remove pci ${path}`,
      `add pci ${path}`,
    ]),
  )
  expect(events[2]?.properties).toMatchObject({ DRIVER: 'vfio-pci', PCI_ID: '1234:11E8', PCI_SLOT_NAME: edu })
})

test('virtual functions appear after their driver is told to make them', async () => {
  const { kernel, told } = await watched('gpu-host')
  await kernel.files.write('/sys/bus/pci/devices/0000:61:00.0/sriov_numvfs', '1')
  const path = '/devices/pci0000:60/0000:60:01.0/0000:61:00.4'
  await vi.waitFor(() =>
    expect(told()).toEqual([
      `add pci ${path}`,
      expect.stringContaining('add vfio '),
      expect.stringContaining('add vfio-dev '),
      `bind pci ${path}`,
    ]),
  )
})

test('a subchannel is told with its driver; a parent that its driver registers is a change that says so', async () => {
  const { kernel, events, told } = await watched('mainframe')
  await kernel.files.write('/sys/bus/css/drivers/io_subchannel/unbind', '0.0.0314')
  await kernel.files.write('/sys/bus/css/drivers/vfio_ccw/bind', '0.0.0314')
  await kernel.files.write('/sys/bus/css/drivers/vfio_ccw/unbind', '0.0.0314')
  const of = (action: string) => `${action} css /devices/css0/0.0.0314`
  await vi.waitFor(() => expect(told()).toEqual(['unbind', 'change', 'bind', 'change', 'unbind'].map(of)))
  const changes = events.filter(({ action }) => action === 'change')
  expect(changes.map(({ properties }) => properties['MDEV_STATE'])).toEqual(['registered', 'unregistered'])
  expect(events[2]?.properties).toEqual({ DRIVER: 'vfio_ccw', ST: '0', MODALIAS: 'css:t0' })
})

test('nothing is told of what only reads, nor after the watch is closed', async () => {
  const { kernel, events } = await watched('demo')
  const late: Uevent[] = []
  const closed = await kernel.watchUevents((event) => late.push(event))
  closed?.close()
  kernel.files.list('/sys/bus/mdev/devices')
  await createMdev(kernel, 'mtty-1', uuid)
  await vi.waitFor(() => expect(events).toHaveLength(4))
  expect(late).toEqual([])
})
