import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { findPhysicalFunction } from '../../../../src/host/sriov.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { MockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { instinct } from '../../../../src/mock/shipped/instinct.ts'

/** amd/MxGPU-Virtualization 8.0.0.K: gim_shim/gim_config.c, gim_drv.c, sysfs/gim_monitor.c; libgv/core/amdgv_device.c. */

const [eight, one] = ['0000:05:00.0', '0000:26:00.0'] as const
const parameter = '/sys/module/gim/parameters/vf_num'

function machine(disk: Record<string, string | null> = {}) {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'vfioctl-gim-'))
  const scenario = { ...instinct, disk: { ...instinct.disk, ...disk } }
  const open = () => {
    const kernel = new MockKernel(scenario, { stateDirectory })
    onTestFinished(() => kernel.dispose())
    return kernel
  }
  const boot = () => {
    rebootMock(stateDirectory, scenario)
    return open()
  }
  return { kernel: open(), boot }
}

function counts({ files }: MockKernel) {
  return [eight, one].map((card) => findPhysicalFunction(files, card).count)
}

function inEtc(line: string) {
  return { '/etc/modprobe.d/gim.conf': `${line}\n` }
}

describe('gim as it is loaded', () => {
  test('makes one function of each GPU if nothing is said (VF_NUMBER__DEFAULT), and its parameter is empty', () => {
    const { kernel } = machine()
    expect(counts(kernel)).toEqual([1, 1])
    expect(kernel.files.read(parameter)).toBe('')
    expect(kernel.files.read('/etc/gim_config')).toBe('vf_num=1\n')
  })

  test('makes as many as vf_num says, one number for each GPU, the last for those that follow (set_array_value)', () => {
    expect(counts(machine(inEtc('options gim vf_num=5,1')).kernel)).toEqual([5, 1])
    const { kernel } = machine(inEtc('options gim sch_policy=2 vf_num=1'))
    expect(counts(kernel)).toEqual([1, 1])
    expect(kernel.files.read(parameter)).toBe('1\n')
  })

  test('takes 1 for a number that is not from 1 to 31 (gim_conf_valid_opt)', () => {
    expect(counts(machine(inEtc('options gim vf_num=0,32')).kernel)).toEqual([1, 1])
  })

  test('is not loaded for what is no number (param_array_set of the kernel)', () => {
    const { kernel } = machine(inEtc('options gim vf_num=many'))
    expect(findPhysicalFunction(kernel.files, eight)).toMatchObject({ driver: null, count: 0 })
  })

  test('stays with a GPU of which it cannot make so many, without functions and files (amdgv_parse_config_opt)', () => {
    const { kernel } = machine(inEtc('options gim vf_num=8'))
    expect(findPhysicalFunction(kernel.files, eight)).toMatchObject({ driver: 'gim', count: 8 })
    expect(findPhysicalFunction(kernel.files, one)).toMatchObject({ driver: 'gim', count: 0 })
    expect(kernel.files.kind(`/sys/bus/pci/devices/${one}/memory_partition_mode`)).toBe(null)
  })

  test('goes on with its last numbers if nothing is said any more (/etc/gim_config)', () => {
    const { kernel, boot } = machine(inEtc('options gim vf_num=4,1'))
    expect(counts(kernel)).toEqual([4, 1])
    kernel.files.unlink('/etc/modprobe.d/gim.conf')
    expect(counts(boot())).toEqual([4, 1])
  })
})

describe('files of gim', () => {
  const path = (name: string) => `/sys/bus/pci/devices/${eight}/${name}`

  test.each(['accelerator_partition_profile_config', 'memory_partition_config', 'spatial_partition_caps'])(
    'that are 0400 are not opened to be written: EACCES: %s',
    async (name) => {
      await expect(machine().kernel.files.write(path(name), '0')).rejects.toMatchObject({ code: 'EACCES' })
    },
  )

  test.each([
    ['accelerator_partition_profile', 'CPX', '3'],
    ['memory_partition_mode', 'nps4', 'NPS4'],
  ])(
    'that are 0600 refuse what is none of their words (EINVAL), and say nothing if the GPU refuses: %s',
    async (name, wrong, right) => {
      const { kernel } = machine()
      const before = kernel.files.read(path(name))
      await expect(kernel.files.write(path(name), wrong)).rejects.toMatchObject({ code: 'EINVAL' })
      await kernel.files.write(path(name), right)
      expect(kernel.files.read(path(name))).toBe(before)
    },
  )

  test('do not take numbers of functions: gim has no sriov_configure, so ENOENT', async () => {
    const { kernel } = machine()
    await expect(kernel.files.write(path('sriov_numvfs'), '0')).rejects.toMatchObject({ code: 'ENOENT' })
    await expect(kernel.files.write(parameter, '2')).rejects.toMatchObject({ code: 'EACCES' })
  })

  test('go with the functions as the GPU is taken from gim', async () => {
    const { kernel } = machine()
    await kernel.files.write(`/sys/bus/pci/devices/${eight}/driver/unbind`, eight)
    expect(findPhysicalFunction(kernel.files, eight)).toMatchObject({ driver: null, count: 0 })
  })
})
