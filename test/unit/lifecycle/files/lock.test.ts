import { expect, onTestFinished, test, vi } from 'vitest'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { withLock } from '../../../../src/lifecycle/files/lock.ts'
import { HostTree } from '../../host-tree.ts'

/** A kernel on which another has the lock for good; each look at it takes 50 seconds. */
function neverFree(kernel: Kernel): Kernel {
  vi.useFakeTimers({ toFake: ['performance'] })
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const tryLock = () => {
    vi.advanceTimersByTime(50_000)
    return false
  }
  vi.spyOn(kernel, 'tryLock').mockImplementation(tryLock)
  return kernel
}

test('the lock is a file that only root can open; whoever locks the directory itself keeps nobody out', async () => {
  const { root } = new HostTree().directory('etc/mdevctl.d')
  const [kernel, other] = [openLinux({ root }), openLinux({ root })]
  const fd = other.open('/etc/mdevctl.d', 'r')
  onTestFinished(() => other.close(fd))
  expect(other.tryLock(fd)).toBe(true)
  const work = () => kernel.files.owner('/run/vfioctl/locks/etc-mdevctl.d').mode
  expect(await withLock(kernel, '/etc/mdevctl.d', work, {})).toBe(0o600)
})

test('who waits for a lock says so, and gives up with the name of who has it: STORE_LOCKED', async () => {
  const { root } = new HostTree()
    .directory('etc/mdevctl.d')
    .link('proc/812/fd/5', '/run/vfioctl/locks/etc-mdevctl.d')
    .file('proc/812/comm', 'vfioctl\n')
  const said: string[] = []
  const work = vi.fn()
  const waiting = withLock(neverFree(openLinux({ root })), '/etc/mdevctl.d', work, {
    onMessage: (line) => said.push(line),
  })
  await expect(waiting).rejects.toMatchObject({
    code: 'STORE_LOCKED',
    message: expect.stringContaining('vfioctl (pid 812)'),
    facts: { holders: [{ pid: 812, command: 'vfioctl' }] },
  })
  expect(said).toEqual(['waiting for others that change /etc/mdevctl.d'])
  expect(work).not.toHaveBeenCalled()
})
