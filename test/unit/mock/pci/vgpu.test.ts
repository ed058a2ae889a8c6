import { describe, expect, onTestFinished, test } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { openDevice } from '../../../../src/vfio/device.ts'
import { asyncCodeOf, codeOf } from '../machine.ts'
import { driverOf } from './pci-scenario.ts'

const devices = '/sys/bus/pci/devices'
const l40s = '0000:41:00.0'
const rtx = '0000:61:00.0'
const header = 'ID    : vGPU Name\n'

function machine() {
  const kernel = createMockKernel('gpu-host')
  onTestFinished(() => kernel.dispose())
  const { files } = kernel
  const current = (vf: string) => `${devices}/${vf}/nvidia/current_vgpu_type`
  return {
    kernel,
    files,
    write: (vf: string, type: string) => asyncCodeOf(files.write(current(vf), type)),
    type: (vf: string) => files.read(current(vf)),
    creatable: (vf: string) => files.read(`${devices}/${vf}/nvidia/creatable_vgpu_types`),
    numvfs: (pf: string, count: string) => asyncCodeOf(files.write(`${devices}/${pf}/sriov_numvfs`, count)),
  }
}

function open(kernel: Kernel, vf: string) {
  const group = Number(kernel.files.readlink(`${devices}/${vf}/iommu_group`).split('/').at(-1))
  const device = openDevice(kernel, { group, name: vf }, { iommu: 'type1v2' })
  onTestFinished(() => device.close())
  return device
}

function ids(list: string): number[] {
  return [...list.matchAll(/^(\d+)\s*:/gm)].map(([, id]) => Number(id))
}

describe('NVIDIA’s own driver for vendor-specific VFIO', () => {
  const [first, second, third] = ['0000:41:00.4', '0000:41:00.5', '0000:41:00.6'] as const

  test('has folder nvidia/ in its virtual functions, and none in the physical one', () => {
    const { files, creatable, type } = machine()
    expect(files.list(`${devices}/${first}/nvidia`).sort()).toEqual([
      'creatable_vgpu_types',
      'current_vgpu_type',
      'gpu_instance_id',
      'placement_id',
      'vgpu_params',
      'warm_update',
    ])
    expect(files.kind(`${devices}/${l40s}/nvidia`)).toBe(null)
    expect(creatable(first)).toBe(
      `${header}1147  : NVIDIA L40S-1Q\n1148  : NVIDIA L40S-2Q\n1150  : NVIDIA L40S-4Q\n1152  : NVIDIA L40S-8Q\n` +
        '1155  : NVIDIA L40S-16Q\n1157  : NVIDIA L40S-24Q\n1159  : NVIDIA L40S-48Q\n',
    )
    expect(type(first)).toBe('0\n')
    expect(files.list(`${devices}/${first}/vfio-dev`)).toEqual(['vfio0'])
    expect(files.readlink(`${devices}/${first}/physfn`)).toBe(`../${l40s}`)
  })

  test('lets a type be written once, and wants 0 before the next: EPERM', async () => {
    const { write, type } = machine()
    expect(await write(first, '0')).toBe('EPERM')
    expect(await write(first, '1157\n')).toBe(null)
    expect(type(first)).toBe('1157\n')
    expect(await write(first, '1157')).toBe('EPERM')
    expect(await write(first, '0')).toBe(null)
    expect(type(first)).toBe('0\n')
  })

  test.each(['x', ' 1147', '1147 ', '0x47b', '1147x'])('takes no %j for a number: EINVAL', async (text) => {
    const { write } = machine()
    expect(await write(first, text)).toBe('EINVAL')
  })

  test('has the lists of the other functions change with each start', async () => {
    const { write, creatable } = machine()
    await write(first, '1157')
    expect(ids(creatable(second))).toEqual([1157])
    await write(second, '1157')
    expect(creatable(third)).toBe(header)
    expect(creatable(first)).toBe(header)
    await write(second, '0')
    expect(ids(creatable(third))).toEqual([1157])
    await write(first, '0')
    expect(ids(creatable(third))).toHaveLength(7)
  })

  test('hands on what the GPU says: EIO for a type that does not go with the others, EINVAL for one it does not know', async () => {
    const { write } = machine()
    expect(await write(first, '1')).toBe('EINVAL')
    expect(await write(first, '-1')).toBe('EINVAL')
    expect(await write(first, '1157')).toBe(null)
    expect(await write(second, '1147')).toBe('EIO')
    expect(await write(second, '1157')).toBe(null)
    expect(await write(third, '1157')).toBe('EIO')
  })

  test('makes a VFIO device of the function, which opens once it has a type', async () => {
    const { kernel, write, type } = machine()
    expect(codeOf(() => open(kernel, first))).toBe('NOT_FOUND')
    expect(() => open(kernel, first)).toThrow(/no vGPU has been made of this virtual function/)
    await write(first, '1147')
    const device = open(kernel, first)
    expect(device.regions.config.read16(0)).toBe(0x10de)
    expect(await write(first, '0')).toBe('EBUSY')
    expect(type(first)).toBe('1147\n')
    device.close()
    expect(await write(first, '0')).toBe(null)
  })

  test('makes no virtual functions itself, and keeps vfio-pci from them', async () => {
    const { kernel, files, numvfs } = machine()
    expect(await numvfs(l40s, '0')).toBe('ENOENT')
    const path = `${devices}/${first}`
    await files.write(`${path}/driver_override`, 'vfio-pci')
    await files.write(`${path}/driver/unbind`, first)
    expect(await asyncCodeOf(files.write('/sys/bus/pci/drivers/vfio-pci/bind', first))).toBe('EINVAL')
    expect(driverOf(kernel, first)).toBe(null)
  })

  test('drops the last byte of vgpu_params, and takes none before there is a vGPU', async () => {
    const { files, write } = machine()
    const params = `${devices}/${first}/nvidia/vgpu_params`
    expect(await asyncCodeOf(files.write(params, 'enable_uvm=1\n'))).toBe('EPERM')
    await write(first, '1147')
    await files.write(params, 'enable_uvm=1')
    expect(files.read(params)).toBe('enable_uvm=\n')
    await files.write(params, 'enable_uvm=1\n')
    expect(files.read(params)).toBe('enable_uvm=1\n')
  })

  test('is stepped aside for by sriov-manage: pci-pf-stub makes the functions, and no type survives it', async () => {
    const { kernel, files, write, numvfs, type } = machine()
    const path = `${devices}/${l40s}`
    await write(first, '1147')
    await files.write(`${path}/driver/unbind`, l40s)
    expect(driverOf(kernel, first)).toBe(null)
    await files.write(`${path}/driver_override`, 'pci-pf-stub')
    await files.write('/sys/bus/pci/drivers_probe', l40s)
    await files.write(`${path}/sriov_drivers_autoprobe`, '0')
    expect(await numvfs(l40s, '0')).toBe(null)
    expect(files.kind(`${devices}/${first}`)).toBe(null)
    expect(await numvfs(l40s, '32')).toBe(null)
    await files.write(`${path}/driver/unbind`, l40s)
    expect(files.read(`${path}/sriov_numvfs`)).toBe('32\n')
    await files.write(`${path}/driver_override`, '\n')
    await files.write('/sys/bus/pci/drivers_probe', l40s)
    await files.write(`${path}/sriov_drivers_autoprobe`, '1')
    await files.write('/sys/bus/pci/drivers/nvidia/bind', first)
    expect(driverOf(kernel, l40s)).toBe('nvidia')
    expect(type(first)).toBe('0\n')
    expect(files.kind(`${devices}/0000:41:04.3`)).toBe('symlink')
  })
})

describe('the driver proposed for the kernel', () => {
  const [first, second, third] = ['0000:61:00.4', '0000:61:00.5', '0000:61:00.6'] as const

  async function withFunctions() {
    const host = machine()
    expect(await host.numvfs(rtx, '9')).toBe(null)
    return host
  }

  test('takes sriov_numvfs, and has only the two files', async () => {
    const { files, kernel, creatable } = await withFunctions()
    expect(driverOf(kernel, first)).toBe('nvidia-vgpu-vfio')
    expect(files.list(`${devices}/${first}/nvidia`)).toEqual(['creatable_vgpu_types', 'current_vgpu_type'])
    expect(creatable(first)).toMatch(/^ID {4}: vGPU Name\n1500 {2}: NVIDIA RTX Pro 6000 Blackwell DC-3Q\n/)
  })

  test('lists one line without a header while there are vGPUs, and nothing where there is no room, or a type', async () => {
    const { write, creatable } = await withFunctions()
    await write(first, '1506')
    expect(creatable(first)).toBe('')
    expect(creatable(second)).toBe('1506  : NVIDIA RTX Pro 6000 Blackwell DC-24Q\n')
    for (const vf of [second, third, '0000:61:00.7']) expect(await write(vf, '1506')).toBe(null)
    expect(creatable('0000:61:01.0')).toBe('')
    expect(await write('0000:61:01.0', '1506')).toBe('ENOSPC')
  })

  test('refuses a second type: EINVAL; an id it does not know: ENODEV; and always takes 0', async () => {
    const { write, type } = await withFunctions()
    expect(await write(first, '0')).toBe(null)
    expect(await write(first, '7')).toBe('ENODEV')
    expect(await write(first, 'x')).toBe('EINVAL')
    expect(await write(first, '1500')).toBe(null)
    expect(await write(second, '1504')).toBe('EINVAL')
    expect(await write(first, '0')).toBe(null)
    expect(await write(second, '1504')).toBe(null)
    expect(type(second)).toBe('1504\n')
  })

  test('changes nothing while the device is open: EBUSY', async () => {
    const { kernel, write } = await withFunctions()
    await write(first, '1500')
    const device = open(kernel, first)
    for (const type of ['0', '1500', '7']) expect(await write(first, type)).toBe('EBUSY')
    device.close()
    expect(await write(first, '0')).toBe(null)
  })
})
