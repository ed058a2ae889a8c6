// What real drivers say, read as they say it: mtty's module tells the kernel's log that it is a parent, and that it goes.
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { expect, it, onTestFinished } from 'vitest'
import { VfioError } from '../../src/errors.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { withKernelLog } from '../../src/lifecycle/kernel-log.ts'

it('has what was said since, of whom, and nothing that programs wrote or that was said before', () => {
  const log = openLinux().followLog()
  if (log === null) throw new Error('root may read the log')
  onTestFinished(() => log.close())
  expect(log.read()).toEqual([])
  writeFileSync('/dev/kmsg', '<3>mtty mtty: said by a program\n')
  execFileSync('rmmod', ['mtty'])
  execFileSync('modprobe', ['mtty'])
  const said = log.read()
  expect(said).toContainEqual({ message: 'mtty mtty: MDEV: Unregistering', device: '+mtty:mtty' })
  expect(said).toContainEqual({ message: 'mtty mtty: MDEV: Registered', device: '+mtty:mtty' })
  expect(said.some(({ message }) => message.includes('program'))).toBe(false)
  expect(log.read()).toEqual([])
})

it('stands in the error of what failed meanwhile', async () => {
  const failing = withKernelLog(openLinux(), { name: 'none', card: '/sys/class/mdev_bus/mtty' }, async () => {
    execFileSync('rmmod', ['mtty'])
    execFileSync('modprobe', ['mtty'])
    throw new VfioError('SYSTEM_CALL_FAILED', 'refused')
  })
  await expect(failing).rejects.toMatchObject({
    message: expect.stringContaining('refused; the kernel says: mtty mtty: MDEV: Unregistering | '),
    facts: { kernelLog: expect.arrayContaining(['mtty mtty: MDEV: Registered']) },
  })
})
