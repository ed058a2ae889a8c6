import fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { systemError } from '../../../../../src/base/system-error.ts'
import { type KernelLog, type LogRecord, parseLogRecord } from '../../../../../src/kernel/kernel-log.ts'
import { openLinux } from '../../../../../src/kernel/linux.ts'
import { readDeviceTypes } from '../../../../../src/lifecycle/kinds/device-types.ts'
import { start } from '../../../../../src/lifecycle/kinds/mdev/start.ts'
import { createMockKernel } from '../../../../../src/mock/kernel/mock-kernel.ts'
import { HostTree, uuids } from '../../../host-tree.ts'
import { stub } from '../../../stub.ts'

const gpu = '0000:3b:00.0'
const attributes = { device_api: 'vfio-pci', available_instances: '4', name: 'GRID T4-4Q' }

function host(): HostTree {
  const tree = new HostTree().type(gpu, 'nvidia-232', { ...attributes, description: 'max_instance=2' })
  tree.file(`sys/devices/pci0000:00/${gpu}/vendor`, '0x10de\n')
  return tree.link(`sys/bus/pci/devices/${gpu}`, `../../../devices/pci0000:00/${gpu}`)
}

/** Error of starting a device there, if `create` fails with that errno and the log says that meanwhile. */
async function refused(tree: HostTree, errno: string, said: readonly LogRecord[] = []): Promise<unknown> {
  const kernel = openLinux({ root: tree.root })
  const write = async (path: string): Promise<void> => {
    throw systemError(errno, 'write', path)
  }
  const log: KernelLog = { read: () => [...said], close() {} }
  const refusing = stub(kernel, { files: stub(kernel.files, { write }), followLog: () => log })
  return start(refusing, { uuid: uuids[0], parent: gpu, type: 'nvidia-232' }).then(
    () => null,
    (error: unknown) => error,
  )
}

test('a card without virtual functions, which it has to have, is told with the command that makes them', async () => {
  const path = `sys/devices/pci0000:00/${gpu}`
  const tree = host().file(`${path}/sriov_totalvfs`, '16\n').file(`${path}/sriov_numvfs`, '0\n')
  tree.file(`${path}/class`, '0x030200\n').file(`${path}/device`, '0x2235\n')
  tree.directory('sys/bus/pci/drivers/nvidia').link(`${path}/driver`, '../../../bus/pci/drivers/nvidia')
  expect(await refused(tree, 'EINVAL')).toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    errno: 'EINVAL',
    message: expect.stringMatching(/\(EINVAL\): 0000:3b:00\.0 can have 16 virtual functions and has none$/),
    hint: `vfioctl sriov ${gpu} all, then vfioctl types`,
  })
  tree.file(`${path}/sriov_numvfs`, '16\n')
  expect(await refused(tree, 'EIO')).toMatchObject({ hint: 'dmesg | tail, for what the driver says' })
})

test('a Turing card, whose driver makes no virtual functions though it advertises them, is not told to have some', async () => {
  const path = `sys/devices/pci0000:00/${gpu}`
  const tree = host().file(`${path}/sriov_totalvfs`, '16\n').file(`${path}/sriov_numvfs`, '0\n')
  tree.file(`${path}/class`, '0x030200\n').file(`${path}/device`, '0x1eb8\n')
  tree.directory('sys/bus/pci/drivers/nvidia').link(`${path}/driver`, '../../../bus/pci/drivers/nvidia')
  expect(await refused(tree, 'EINVAL')).toMatchObject({ hint: 'dmesg | tail, for what the driver says' })
  expect(readDeviceTypes(openLinux({ root: tree.root }).files).warnings).toEqual([])
})

test('as many as there can be of a type are told', async () => {
  const tree = host()
  for (const uuid of [uuids[1], uuids[2]]) {
    tree.directory(`sys/devices/pci0000:00/${gpu}/mdev_supported_types/nvidia-232/devices/${uuid}`)
  }
  expect(await refused(tree, 'EBUSY')).toMatchObject({
    message: expect.stringContaining('there are 2 of this type already, of at most 2'),
    hint: `vfioctl stop ${uuids[1]} makes room`,
  })
})

test('a card that has no room by now is told with what holds it, whatever the driver answers', async () => {
  const tree = host().mdev(uuids[1], gpu, 'nvidia-222', 7)
  const kernel = openLinux({ root: tree.root })
  const write = async (path: string): Promise<void> => {
    tree.file(`sys/devices/pci0000:00/${gpu}/mdev_supported_types/nvidia-232/available_instances`, '0\n')
    throw systemError('EINVAL', 'write', path)
  }
  const full = stub(kernel, { files: stub(kernel.files, { write }) })
  await expect(start(full, { uuid: uuids[0], parent: gpu, type: 'nvidia-232' })).rejects.toMatchObject({
    code: 'NO_INSTANCE_LEFT',
    errno: 'EINVAL',
    message: expect.stringContaining(`held by ${uuids[1]} (nvidia-222)`),
  })
})

test('what the kernel says meanwhile of the device, its card and their driver comes with the error', async () => {
  const tree = host().link(`sys/devices/pci0000:00/${gpu}/driver`, '../../../bus/pci/drivers/nvidia')
  const error = await refused(tree, 'EINVAL', [
    { message: 'eth0: link becomes ready', device: null },
    { message: `[nvidia-vgpu-vfio] ${uuids[0]}: create failed`, device: null },
    { message: 'NVRM: GPU is not in vGPU mode\\x1b[2J', device: null },
    { message: 'reset', device: `+pci:${gpu}` },
    { message: 'reset', device: '+pci:0000:3b:00.1' },
  ])
  const kernelLog = [`[nvidia-vgpu-vfio] ${uuids[0]}: create failed`, 'NVRM: GPU is not in vGPU mode\\x1b[2J', 'reset']
  expect(error).toMatchObject({
    code: 'SYSTEM_CALL_FAILED',
    errno: 'EINVAL',
    message: expect.stringMatching(/ \(EINVAL\); the kernel says: .* create failed \| NVRM: .* \| reset$/),
    facts: { parent: gpu, kernelLog },
  })
})

test('nothing is added where the kernel says nothing of it', async () => {
  const error = await refused(host(), 'EINVAL', [{ message: 'eth0: link becomes ready', device: null }])
  expect(error).toMatchObject({ message: expect.stringMatching(/\(EINVAL\)$/) })
  expect(error).not.toHaveProperty('facts.kernelLog')
})

test('a mock kernel has no log', () => {
  const kernel = createMockKernel('demo')
  onTestFinished(() => kernel.dispose())
  expect(kernel.followLog()).toBe(null)
})

test.each([
  [
    '6,339,5140900,-;mtty mtty: MDEV: Registered\n SUBSYSTEM=mtty\n DEVICE=+mtty:mtty\n',
    { message: 'mtty mtty: MDEV: Registered', device: '+mtty:mtty' },
  ],
  ['4,1,0,c;plain; with a semicolon', { message: 'plain; with a semicolon', device: null }],
  ['12,9,1,-;what a program wrote', null],
  ['', null],
  ['6,339,5140900', null],
])('a record of the log: %j', (text, expected) => {
  expect(parseLogRecord(text)).toEqual(expected)
})

test('any text is a record or none', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.string().map((it) => `6,1,2,-;${it}`),
      ),
      (text) => {
        expect(parseLogRecord(text)?.message.includes('\n') ?? false).toBe(false)
      },
    ),
  )
})
