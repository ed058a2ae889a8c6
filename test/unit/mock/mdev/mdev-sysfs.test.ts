import { describe, expect, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { asyncCodeOf, codeOf, createMdev, otherUuid, removeMdev, typePath, uuid } from '../machine.ts'

const device = `/sys/bus/mdev/devices/${uuid}`

describe('create', () => {
  test.each([
    ['36 bytes', uuid],
    ['37 bytes, the last a newline', `${uuid}\n`],
    ['37 bytes, the last anything: the kernel does not look at it', `${uuid}x`],
    ['upper case', uuid.toUpperCase()],
  ])('takes %s and names the device in lower case', async (_, text) => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-1', text)
    expect(kernel.files.list('/sys/bus/mdev/devices')).toEqual([uuid])
  })

  test.each([
    ['35 bytes', uuid.slice(1)],
    ['38 bytes', `${uuid}\n\n`],
    ['no hexadecimal', uuid.replace('8', 'g')],
    ['no hyphens', `${uuid.replaceAll('-', '')}0000`],
    ['36 characters that are more bytes', `é${uuid.slice(2)}a`],
  ])('answers EINVAL to %s', async (_, text) => {
    const kernel = createMockKernel('demo')
    expect(await asyncCodeOf(createMdev(kernel, 'mtty-1', text))).toBe('EINVAL')
    expect(kernel.files.list('/sys/bus/mdev/devices')).toEqual([])
  })

  test('answers EEXIST to a UUID that any parent has', async () => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-1', uuid)
    expect(await asyncCodeOf(createMdev(kernel, 'mtty-1', uuid))).toBe('EEXIST')
    expect(await asyncCodeOf(createMdev(kernel, 'nvidia-222', uuid.toUpperCase(), '0000:3b:00.0'))).toBe('EEXIST')
  })

  test('looks at the UUID before the room: EEXIST from a parent that is full', async () => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'i915-GVTg_V5_4', uuid, '0000:00:02.0')
    expect(await asyncCodeOf(createMdev(kernel, 'i915-GVTg_V5_4', uuid, '0000:00:02.0'))).toBe('EEXIST')
  })

  test('takes an empty write for nothing', async () => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-1', '')
    expect(kernel.files.list('/sys/bus/mdev/devices')).toEqual([])
  })

  test('cannot be read, and what is read-only cannot be written: EACCES, for root too', async () => {
    const kernel = createMockKernel('demo')
    const type = typePath('mtty', 'mtty-1')
    expect(codeOf(() => kernel.files.read(`${type}/create`))).toBe('EACCES')
    expect(await asyncCodeOf(kernel.files.write(`${type}/available_instances`, '7'))).toBe('EACCES')
    expect(await asyncCodeOf(kernel.files.write(`${type}/creates`, uuid))).toBe('ENOENT')
  })
})

describe('remove', () => {
  test.each(['1', '1\n', '0x1\n', '01', '+2', '18446744073709551615'])('takes %j', async (text) => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-1', uuid)
    await kernel.files.write(`${device}/remove`, text)
    expect(kernel.files.kind(device)).toBeNull()
  })

  test.each(['0', '0\n', '0x0', '00'])('ignores %j', async (text) => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-1', uuid)
    await kernel.files.write(`${device}/remove`, text)
    expect(kernel.files.kind(device)).toBe('symlink')
  })

  test.each(['yes', '\n', '-1', ' 1', '1 ', '08', '0x', '1\n\n', '18446744073709551616'])(
    'answers EINVAL to %j',
    async (text) => {
      const kernel = createMockKernel('demo')
      await createMdev(kernel, 'mtty-1', uuid)
      expect(await asyncCodeOf(kernel.files.write(`${device}/remove`, text))).toBe('EINVAL')
      expect(kernel.files.kind(device)).toBe('symlink')
    },
  )

  test('is ENOENT for a device that is not there', async () => {
    expect(await asyncCodeOf(removeMdev(createMockKernel('demo'), uuid))).toBe('ENOENT')
  })

  test('frees the group number, which the next device takes', async () => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-1', uuid)
    await createMdev(kernel, 'mtty-1', otherUuid)
    expect(kernel.files.list('/dev/vfio').sort()).toEqual(['7', '8', 'vfio'])
    await removeMdev(kernel, uuid)
    expect(kernel.files.list('/dev/vfio').sort()).toEqual(['8', 'vfio'])
    await createMdev(kernel, 'mtty-1', uuid)
    expect(kernel.files.list('/dev/vfio').sort()).toEqual(['7', '8', 'vfio'])
  })
})

describe('what a device looks like', () => {
  test('links are relative, as the kernel makes them', async () => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-2', uuid)
    const { files } = kernel
    expect(files.readlink('/sys/class/mdev_bus/mtty')).toBe('../../devices/virtual/mtty/mtty')
    expect(files.readlink(device)).toBe(`../../../devices/virtual/mtty/mtty/${uuid}`)
    expect(files.readlink(`${device}/mdev_type`)).toBe('../mdev_supported_types/mtty-2')
    expect(files.readlink(`${device}/iommu_group`)).toBe('../../../../../kernel/iommu_groups/7')
    expect(files.readlink(`${device}/vfio-dev/vfio0/device`)).toBe(`../../../${uuid}`)
    expect(files.readlink(`/sys/kernel/iommu_groups/7/devices/${uuid}`)).toBe(
      `../../../../devices/virtual/mtty/mtty/${uuid}`,
    )
    expect(files.list(`${typePath('mtty', 'mtty-2')}/devices`)).toEqual([uuid])
    expect(files.list(`${typePath('mtty', 'mtty-1')}/devices`)).toEqual([])
  })

  test('types have the files that their driver gives them', () => {
    const { files } = createMockKernel('demo')
    const core = ['available_instances', 'create', 'device_api', 'devices', 'name']
    expect(files.list(typePath('mtty', 'mtty-1')).sort()).toEqual(core)
    expect(files.list(typePath('0000:3b:00.0', 'nvidia-222')).sort()).toEqual([...core, 'description'].sort())
    expect(files.read(`${typePath('0000:00:02.0', 'i915-GVTg_V5_8')}/description`).split('\n')).toHaveLength(6)
    expect(files.read(`${typePath('mtty', 'mtty-2')}/name`)).toBe('Dual port serial\n')
  })

  test('each driver adds its attributes', async () => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'mtty-1', uuid)
    await createMdev(kernel, 'i915-GVTg_V5_8', otherUuid, '0000:00:02.0')
    expect(kernel.files.read(`${device}/vendor/sample_mdev_dev`)).toBe(`This is MDEV ${uuid}\n`)
    expect(kernel.files.read(`/sys/bus/mdev/devices/${otherUuid}/intel_vgpu/vgpu_id`)).toBe('1\n')
    expect(await asyncCodeOf(kernel.files.write(`${device}/vendor/sample_mdev_dev`, 'x'))).toBe('EACCES')
  })

  test('the NVIDIA driver eats the last byte of vgpu_params, which should be a newline', async () => {
    const kernel = createMockKernel('demo')
    await createMdev(kernel, 'nvidia-222', uuid, '0000:3b:00.0')
    const params = `${device}/nvidia/vgpu_params`
    await kernel.files.write(params, 'frame_rate_limiter=0\n')
    expect(kernel.files.read(params)).toBe('frame_rate_limiter=0\n')
    await kernel.files.write(params, 'frame_rate_limiter=60')
    expect(kernel.files.read(params)).toBe('frame_rate_limiter=6\n')
  })
})
