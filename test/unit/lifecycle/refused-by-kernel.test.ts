import { expect, test } from 'vitest'
import { systemError } from '../../../src/base/system-error.ts'
import { refusedByKernel } from '../../../src/lifecycle/change/refused-by-kernel.ts'

const details = { path: '/etc/mdevctl.d', hint: 'df', facts: { device: 'a' } }

test.each(['EACCES', 'EPERM'])('%s of a change to the host is for root alone to make', (errno) => {
  const error = refusedByKernel('cannot stop a', systemError(errno, 'write', '/sys/remove'), details)
  expect(error).toMatchObject({
    code: 'PERMISSION_DENIED',
    errno,
    syscall: 'write',
    path: '/etc/mdevctl.d',
    hint: 'only root may: sudo vfioctl …',
    facts: { device: 'a' },
  })
  expect(error.message).toMatch(new RegExp(`^cannot stop a: .* \\(${errno}\\)$`))
})

test.each(['EROFS', 'EIO', 'ENOSPC'])('%s is the same for root: the hint is what to look at', (errno) => {
  const error = refusedByKernel('cannot stop a', systemError(errno, 'write'), details)
  expect(error).toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno, hint: 'df' })
})
