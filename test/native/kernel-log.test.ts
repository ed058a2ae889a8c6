import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { describe, expect, it, type TestContext } from 'vitest'
import { VfioError } from '../../src/base/errors.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { withKernelLog } from '../../src/lifecycle/change/kernel-log.ts'

/** Has the real kernel say something: it logs the option of a mount that it refuses. Nothing is mounted. */
function refusedMount(option: string): void {
  spawnSync('mount', ['-i', '-t', 'tmpfs', '-o', `${option}=1`, 'none', '/tmp'])
}

function logOf(context: TestContext) {
  const kernel = openLinux()
  const log = kernel.followLog() ?? context.skip('this process may not read /dev/kmsg')
  refusedMount('vfioctl-probe')
  if (log.read().length === 0) context.skip('the kernel cannot be made to say something here')
  return { kernel, log }
}

describe('the real kernel’s log', () => {
  it('is read from the moment on that it is followed, each record once', (context) => {
    const { kernel, log } = logOf(context)
    refusedMount('vfioctl-first')
    const later = kernel.followLog()
    refusedMount('vfioctl-second')
    const of = (records: readonly { message: string }[] = []) =>
      records.flatMap(({ message }) => /vfioctl-\w+/.exec(message)?.[0] ?? [])
    expect(of(log.read())).toEqual(['vfioctl-first', 'vfioctl-second'])
    expect(of(log.read())).toEqual([])
    expect(of(later?.read())).toEqual(['vfioctl-second'])
    log.close()
    later?.close()
  })

  it('has nothing that programs wrote into it', (context) => {
    const { log } = logOf(context)
    writeFileSync('/dev/kmsg', '<3>vfioctl-program\n')
    refusedMount('vfioctl-kernel')
    const said = log.read().map(({ message }) => message)
    expect(said).toContainEqual(expect.stringContaining('vfioctl-kernel'))
    expect(said).not.toContainEqual(expect.stringContaining('vfioctl-program'))
    log.close()
  })

  it('stands in the error of what failed meanwhile, and is closed', async (context) => {
    const { kernel, log } = logOf(context)
    log.close()
    const before = readdirSync('/proc/self/fd').length
    const failing = withKernelLog(kernel, { name: 'vfioctl-device', card: '/sys/nothing' }, async () => {
      refusedMount('vfioctl-other')
      refusedMount('vfioctl-device')
      throw new VfioError('SYSTEM_CALL_FAILED', 'refused')
    })
    await expect(failing).rejects.toMatchObject({
      message: expect.stringMatching(/^refused; the kernel says: .*vfioctl-device.*$/),
      facts: { kernelLog: [expect.stringContaining('vfioctl-device')] },
    })
    expect(readdirSync('/proc/self/fd').length).toBe(before)
  })
})
