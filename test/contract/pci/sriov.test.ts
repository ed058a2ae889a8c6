import { expect, onTestFinished, type TestContext, test } from 'vitest'
import { failedWith } from '../../../src/base/system-error.ts'
import { parsePciAddress } from '../../../src/base/units.ts'
import type { HostFiles, Kernel } from '../../../src/kernel/kernel.ts'
import { bind } from '../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../src/lifecycle/bindings/release.ts'
import { keptBindings } from '../../../src/lifecycle/settings/bindings.ts'
import { setVirtualFunctions } from '../../../src/lifecycle/sriov/set-functions.ts'
import { isolatesPorts, resetsSlots } from '../machine.ts'
import { bindPci, driverOf } from '../pci.ts'

const devices = '/sys/bus/pci/devices'
const enableSriov = '/sys/module/vfio_pci/parameters/enable_sriov'

interface Physfn {
  readonly kernel: Kernel
  readonly files: HostFiles
  readonly address: string
  readonly path: string
  /** 'done', or the code of the failure. */
  write(file: string, text: string): Promise<string>
  read(file: string): string
  /** Addresses that its links virtfn0, virtfn1, … lead to. */
  vfs(): string[]
}

/** The NVMe controller, which can be four more, with vfio-pci that may split it; whole again after the test. */
async function nvme(context: TestContext, { enabled = true } = {}): Promise<Physfn> {
  const { kernel, address } = await bindPci(context, 'nvme')
  const { files } = kernel
  const path = `${devices}/${address}`
  if (files.kind(`${path}/sriov_totalvfs`) === null) context.skip('this kernel finds no SR-IOV in it')
  onTestFinished(async () => {
    await files.write(`${path}/sriov_numvfs`, '0')
    await files.write(`${path}/sriov_drivers_autoprobe`, '1')
    await files.write(enableSriov, 'N')
  })
  await files.write(enableSriov, enabled ? '1' : '0')
  return {
    kernel,
    files,
    address,
    path,
    write: (file, text) => answer(files, file.startsWith('/') ? file : `${path}/${file}`, text),
    read: (file) => files.read(file.startsWith('/') ? file : `${path}/${file}`),
    vfs: () =>
      files
        .list(path)
        .filter((name) => /^virtfn\d+$/.test(name))
        .sort()
        .map((name) => files.readlink(`${path}/${name}`).split('/').at(-1) ?? ''),
  }
}

async function answer(files: HostFiles, file: string, text: string): Promise<string> {
  try {
    await files.write(file, text)
    return 'done'
  } catch (error) {
    const codes = ['EBUSY', 'ENODEV', 'EINVAL', 'ENOENT', 'ERANGE', 'EACCES', 'EEXIST']
    return codes.find((code) => failedWith(error, code)) ?? String(error)
  }
}

function groupOf(files: HostFiles, address: string): string | undefined {
  return files.readlink(`${devices}/${address}/iommu_group`).split('/').at(-1)
}

test('a physical function says how many virtual ones it can have, and where they appear', async (context) => {
  const { read, write } = await nvme(context)
  const shown = ['totalvfs', 'numvfs', 'drivers_autoprobe', 'offset', 'stride', 'vf_device']
  expect(shown.map((name) => read(`sriov_${name}`))).toEqual(['4\n', '0\n', '1\n', '1\n', '1\n', '10\n'])
  expect(await write('sriov_totalvfs', '1')).toBe('EACCES')
})

test('sriov_numvfs takes a number that the device has, in any base', async (context) => {
  const { write, read, vfs } = await nvme(context)
  for (const bad of ['x', '-1', '0x', '2 ', '65536', '4294967296'])
    expect([bad, await write('sriov_numvfs', bad)]).toEqual([bad, 'EINVAL'])
  expect(await write('sriov_numvfs', '5')).toBe('ERANGE')
  expect(await write('sriov_numvfs', '0x2\n')).toBe('done')
  expect(read('sriov_numvfs')).toBe('2\n')
  expect(vfs()).toEqual(['0000:04:00.1', '0000:04:00.2'])
})

test('the number there is already is no change, another one must go through 0: EBUSY', async (context) => {
  const { write, vfs, read } = await nvme(context)
  expect(await write('sriov_numvfs', '0')).toBe('done')
  expect(await write('sriov_numvfs', '3')).toBe('done')
  expect(await write('sriov_numvfs', '3')).toBe('done')
  expect(await write('sriov_numvfs', '1')).toBe('EBUSY')
  expect(await write('sriov_numvfs', '9')).toBe('ERANGE')
  expect(vfs()).toHaveLength(3)
  expect(await write('sriov_numvfs', '0')).toBe('done')
  expect(read('sriov_numvfs')).toBe('0\n')
  expect(vfs()).toEqual([])
})

test('vfio-pci makes none unless its parameter enable_sriov says so: ENOENT', async (context) => {
  const { write } = await nvme(context, { enabled: false })
  expect(await write('sriov_numvfs', '2')).toBe('ENOENT')
  expect(await write('sriov_numvfs', '0')).toBe('done')
  expect(await write('sriov_numvfs', '9')).toBe('ERANGE')
  expect(await write(enableSriov, 'perhaps')).toBe('EINVAL')
  expect(await write(enableSriov, 'Y')).toBe('done')
  expect(await write('sriov_numvfs', '2')).toBe('done')
})

test('without a driver there is nobody to make them: ENOENT', async (context) => {
  const { write, address } = await nvme(context)
  expect(await write('driver/unbind', address)).toBe('done')
  expect(await write('sriov_numvfs', '2')).toBe('ENOENT')
  expect(await write('sriov_numvfs', '0')).toBe('done')
})

test('a virtual function is a PCI device with ids, a group and a link to its physical function', async (context) => {
  const { files, write, address, vfs } = await nvme(context)
  expect(await write('sriov_numvfs', '2')).toBe('done')
  const [vf = ''] = vfs()
  const path = `${devices}/${vf}`
  const ids = ['vendor', 'device', 'class', 'revision', 'subsystem_vendor', 'subsystem_device']
  expect(ids.map((name) => files.read(`${path}/${name}`).trim())).toEqual([
    '0x1b36',
    '0x0010',
    '0x010802',
    '0x02',
    '0x1af4',
    '0x1100',
  ])
  expect(files.readlink(`${path}/physfn`)).toBe(`../${address}`)
  expect(files.kind(`${path}/sriov_numvfs`)).toBe(null)
  expect(['remove', 'rescan'].map((name) => files.kind(`${path}/${name}`))).toEqual([null, null])
  expect(files.read(`${path}/reset_method`)).toBe(resetsSlots ? 'flr bus\n' : 'flr\n')
  const groups = [address, ...vfs()].map((member) => groupOf(files, member))
  expect(new Set(groups).size).toBe(isolatesPorts ? 3 : 1)
  const members = files.list(`/sys/kernel/iommu_groups/${groups[1]}/devices`).sort()
  expect(members).toEqual(isolatesPorts ? [vf] : ['0000:00:07.0', address, ...vfs()])
})

test('vfio-pci keeps the virtual functions of its device, even where drivers are not to probe them', async (context) => {
  const { files, write, vfs } = await nvme(context)
  expect(await write('sriov_drivers_autoprobe', '0')).toBe('done')
  expect(await write('sriov_numvfs', '1')).toBe('done')
  const [vf = ''] = vfs()
  expect(driverOf(files, vf)).toBe('vfio-pci')
  expect(files.read(`${devices}/${vf}/driver_override`)).toBe('vfio-pci\n')
  expect(files.kind(`/dev/vfio/${groupOf(files, vf)}`)).toBe('device')
})

test('once vfio-pci lets go of the physical function, the virtual ones are gone with their groups', async (context) => {
  const { files, write, address, vfs, read } = await nvme(context)
  expect(await write('sriov_numvfs', '4')).toBe('done')
  const groups = vfs().map((vf) => groupOf(files, vf))
  expect(await write('driver/unbind', address)).toBe('done')
  expect(read('sriov_numvfs')).toBe('0\n')
  expect(vfs()).toEqual([])
  expect(groups.map((group) => files.kind(`/sys/kernel/iommu_groups/${group}`))).toEqual(
    groups.map(() => (isolatesPorts ? null : 'directory')),
  )
})

test('sriov_drivers_autoprobe is a yes or no', async (context) => {
  const { write, read } = await nvme(context)
  const said: string[] = []
  for (const text of ['x', '2', 'off', 'y\n', 'n', 'on']) {
    said.push(
      `${JSON.stringify(text)} ${await write('sriov_drivers_autoprobe', text)} ${read('sriov_drivers_autoprobe').trim()}`,
    )
  }
  expect(said).toEqual(['"x" EINVAL 1', '"2" EINVAL 1', '"off" done 0', '"y\\n" done 1', '"n" done 0', '"on" done 1'])
})

test('our verb gives it so many, which are there then, goes to another number by way of none, and takes them away', async (context) => {
  const { kernel, address, vfs } = await nvme(context)
  const set = (count: number | 'all') => setVirtualFunctions(kernel, { device: address, count, transient: true })
  const two = await set(2)
  expect(two).toMatchObject({ device: address, count: 2, total: 4, changed: true })
  expect(two.functions).toEqual(vfs())
  expect(two.functions).toHaveLength(2)
  expect(await set(2)).toMatchObject({ changed: false, steps: [] })
  const all = await set('all')
  expect(all.steps.map((step) => step.action === 'write' && step.value)).toEqual(['0', '4'])
  expect(all.functions).toHaveLength(4)
  expect(await set(0)).toMatchObject({ functions: [], changed: true })
  expect(vfs()).toEqual([])
})

test('our verb takes none away whose group somebody has open', async (context) => {
  const { kernel, files, address, vfs } = await nvme(context)
  const set = (count: number) => setVirtualFunctions(kernel, { device: address, count, transient: true })
  const { functions } = await set(1)
  const group = kernel.open(`/dev/vfio/${groupOf(files, functions[0] ?? '')}`, 'rw')
  try {
    await expect(set(0)).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
    expect(vfs()).toEqual(functions)
  } finally {
    kernel.close(group)
  }
  expect(await set(0)).toMatchObject({ changed: true })
})

test('our verb says of vfio-pci that may not split a device what lets it', async (context) => {
  const { kernel, address } = await nvme(context, { enabled: false })
  await expect(setVirtualFunctions(kernel, { device: address, count: 1, transient: true })).rejects.toMatchObject({
    code: 'NOT_SUPPORTED',
    errno: 'ENOENT',
    hint: expect.stringContaining('enable_sriov'),
  })
})

test('a function that comes anew gets the driver that is kept for it, and is forgotten where it is gone', async (context) => {
  const { kernel, files, address } = await nvme(context)
  const made = await setVirtualFunctions(kernel, { device: address, count: 1 })
  const [first = parsePciAddress(address)] = made.functions
  onTestFinished(async () => {
    await setVirtualFunctions(kernel, { device: address, count: 0 })
    await release(kernel, { device: first })
    expect(keptBindings.read(files, first)).toBeNull()
  })
  await bind(kernel, { device: first, driver: 'none' })
  expect(driverOf(files, first)).toBeNull()
  const { functions } = await setVirtualFunctions(kernel, { device: address, count: 2 })
  // vfio-pci has a physical function's virtual ones come to itself
  expect(functions.map((it) => driverOf(files, it))).toEqual([null, 'vfio-pci'])
})
