import { expect, test } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import { diagnose } from '../../../../src/lifecycle/doctor/diagnose.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { stub } from '../../stub.ts'

test('what may not be read is told once, with its path, and the rest is found', () => {
  const { files } = createMockKernel('gpu-host')
  const closed = '/proc/interrupts'
  const told = diagnose(
    stub(files, {
      read: (path) => {
        if (path === closed) throw systemError('EACCES', 'open', path)
        return files.read(path)
      },
      list: (path) => {
        if (path === '/etc/modprobe.d') throw systemError('EACCES', 'scandir', path)
        return files.list(path)
      },
    }),
    { devices: ['82:00.0'] },
  )
  expect(told.unseen.map(({ path }) => path).sort()).toEqual(['/etc/modprobe.d', closed])
  expect(told.unseen[0]?.message).toMatch(/cannot be read: .*EACCES/)
  expect(told.findings.map(({ id }) => id)).toContain('wrong-driver')
})

test('a device or an argument that is not there is an error, not a finding', () => {
  const { files } = createMockKernel('gpu-host')
  expect(() => diagnose(files, { devices: ['99:00.0'] })).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }))
})
