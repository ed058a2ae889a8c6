import { describe, expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../../src/host.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { restore } from '../../../../src/lifecycle/restore/restore.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const sound = '0000:00:1f.3'
const network = '0000:81:00.0'

function mock(name: 'demo' | 'gpu-host') {
  const kernel = createMockKernel(name)
  onTestFinished(() => kernel.dispose())
  return kernel
}

function pullOut({ files }: ReturnType<typeof mock>, device: string) {
  return files.write(`/sys/bus/pci/devices/${device}/remove`, '1')
}

describe('what is kept for a card that was pulled out', () => {
  test('its driver is forgotten by release; of a card that nobody knows, release says so', async () => {
    const kernel = mock('demo')
    await bind(kernel, { device: sound })
    await pullOut(kernel, sound)
    const path = keptBindings.path(sound)
    const planned = { device: sound, from: null, to: null, changed: true, steps: [{ action: 'delete', path }] }
    expect(await release(kernel, { device: '00:1f.3', group: true }, { dryRun: true })).toMatchObject([planned])
    expect(kernel.files.kind(path)).toBe('file')
    expect(await release(kernel, { device: '00:1f.3', group: true })).toMatchObject([planned])
    expect(kernel.files.kind(path)).toBe(null)
    expect((await restore(kernel)).results).toEqual([])
    await expect(release(kernel, { device: sound })).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  test('its number of functions is forgotten by 0, also where its file is broken', async () => {
    const host = new Host(mock('gpu-host'))
    await host.setVirtualFunctions({ device: network, count: 3 })
    await host.setVirtualFunctions({ device: '0000:81:00.1', count: 2 })
    const { files } = host.kernel
    const path = `/etc/vfioctl.d/sriov/${network}.json`
    await files.write(`/sys/bus/pci/devices/${network}/sriov_numvfs`, '0')
    await files.write(`/sys/bus/pci/devices/${network}/remove`, '1')
    await expect(host.setVirtualFunctions({ device: network, count: 2 })).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const planned = { device: network, count: 0, changed: true, steps: [{ action: 'delete', path }] }
    expect(await host.setVirtualFunctions({ device: '81:00.0', count: 0 }, { dryRun: true })).toMatchObject(planned)
    expect(files.kind(path)).toBe('file')
    expect(await host.setVirtualFunctions({ device: '81:00.0', count: 0 })).toMatchObject(planned)
    expect(files.kind(path)).toBe(null)
    files.unlink('/etc/vfioctl.d/sriov/0000:81:00.1.json')
    files.create('/etc/vfioctl.d/sriov/0000:81:00.1.json', '{')
    await host.setVirtualFunctions({ device: '81:00.1', count: 0 })
    expect(files.list('/etc/vfioctl.d/sriov')).toEqual([])
  })
})

test.each(['-r', '--remove=x', '.', '', 'a/b', 'a\nb', ' vfio-pci'])(
  '%j is no driver, kept or asked for',
  async (driver) => {
    const kernel = mock('demo')
    await expect(bind(kernel, { device: sound, driver })).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    await bind(kernel, { device: sound })
    const path = keptBindings.path(sound)
    const kept = JSON.parse(kernel.files.read(path))
    kernel.files.unlink(path)
    kernel.files.create(path, JSON.stringify({ ...kept, driver }))
    const { results, warnings } = await restore(kernel)
    expect(results).toEqual([])
    expect(warnings).toEqual([{ path, message: expect.stringContaining('must be the name of a driver') }])
  },
)

test('release to a driver that has only what it was told to have is NOT_SUPPORTED, however it was bound', async () => {
  const kernel = mock('demo')
  const free = '0000:00:1f.0'
  await bind(kernel, { device: free })
  await kernel.files.write('/sys/bus/pci/drivers/vfio-pci/new_id', '8086 a305')
  await expect(release(kernel, { device: free })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    message: expect.stringMatching(/; vfio-pci has it now$/),
    hint: expect.stringContaining('/vfio-pci/remove_id'),
  })
  expect(kernel.files.kind(keptBindings.path(free))).toBe('file')
  await bind(kernel, { device: free, driver: 'none' })
  await expect(release(kernel, { device: free })).rejects.toMatchObject({
    message: expect.stringMatching(/; no driver has it now$/),
  })
})

test('a driver that refuses a card: the message says which has it after it was given back', async () => {
  const kernel = mock('demo')
  const { files } = kernel
  const write = files.write.bind(files)
  // as vfio-pci's probe fails where no IOMMU isolates the card: the write succeeds, and no driver has it
  files.write = async (path, text) => {
    if (path !== '/sys/bus/pci/drivers_probe') await write(path, text)
  }
  const error = { code: 'NOT_SUPPORTED', message: expect.stringMatching(/; snd_hda_intel has it now$/) }
  await expect(bind(kernel, { device: sound })).rejects.toMatchObject(error)
})

test.each([
  [['7'], 'the IOMMU of this machine is on, and not in front of this device'],
  [[], 'this machine has no IOMMU, or it is off'],
])('a card in no group, on a host with the groups %j', async (groups, why) => {
  const kernel = mock('demo')
  const { files } = kernel
  const [write, list, readlink] = [files.write.bind(files), files.list.bind(files), files.readlink.bind(files)]
  files.write = async (path, text) => {
    if (path !== '/sys/bus/pci/drivers_probe') await write(path, text)
  }
  files.list = (path) => (path === '/sys/kernel/iommu_groups' ? groups : list(path))
  files.readlink = (path) => {
    if (path.endsWith('/iommu_group'))
      throw Object.assign(new Error('ENOENT'), { code: 'ENOENT', errno: -2, syscall: 'readlink' })
    return readlink(path)
  }
  const error = { code: 'NOT_SUPPORTED', message: expect.stringContaining(why) }
  await expect(bind(kernel, { device: sound })).rejects.toMatchObject(error)
})
