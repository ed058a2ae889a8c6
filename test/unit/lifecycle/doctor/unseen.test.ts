import { expect, test } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { diagnose } from '../../../../src/lifecycle/doctor/diagnose.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { gpuHost } from '../../../../src/mock/shipped/gpu-host.ts'
import { stub } from '../../stub.ts'

test('what may not be read is told once, with its path, and the rest is found', () => {
  const kernel = createMockKernel('gpu-host')
  const { files } = kernel
  const closed = '/proc/interrupts'
  const told = diagnose(
    stub(kernel, {
      files: stub(files, {
        read: (path) => {
          if (path === closed) throw systemError('EACCES', 'open', path)
          return files.read(path)
        },
        list: (path) => {
          if (path === '/etc/modprobe.d') throw systemError('EACCES', 'scandir', path)
          return files.list(path)
        },
      }),
    }),
    { devices: ['82:00.0'] },
  )
  expect(told.unseen.map(({ path }) => path).sort()).toEqual(['/etc/modprobe.d', closed])
  expect(told.unseen[0]?.message).toMatch(/cannot be read: .*EACCES/)
  expect(told.findings.map(({ id }) => id)).toContain('wrong-driver')
})

test('a device that does not change its power state is brought back by reset --try', () => {
  const kernel = createMockKernel({
    ...gpuHost,
    pci: gpuHost.pci.map((one) => (one.address === '0000:82:00.0' ? { ...one, driver: 'vfio-pci' } : one)),
  })
  const { files } = kernel
  const { findings } = diagnose(
    stub(kernel, {
      files: stub(files, { read: (path) => (path.endsWith('82:00.0/power_state') ? 'error\n' : files.read(path)) }),
    }),
  )
  expect(findings).toContainEqual(
    expect.objectContaining({ id: 'power-state-error', commands: ['vfioctl reset 0000:82:00.0 --try'] }),
  )
})

test('a device or an argument that is not there is an error, not a finding', () => {
  const kernel = createMockKernel('gpu-host')
  expect(() => diagnose(kernel, { devices: ['99:00.0'] })).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
})
