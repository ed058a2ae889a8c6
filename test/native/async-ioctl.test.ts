import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { request } from '../../src/uapi/requests.ts'
import { compileLibrary, runProgram } from './programs.ts'

const { VFIO_DEVICE_RESET, VFIO_DEVICE_PCI_HOT_RESET } = request

describe('an ioctl off the event loop', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-slow-reset-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  let answers: Record<string, unknown> = {}

  beforeAll(() => {
    const [library, fifo] = [join(folder, 'slow-reset.so'), join(folder, 'device')]
    compileLibrary('slow-reset.c', library)
    execFileSync('mkfifo', [fifo])
    const preload = [process.env['LD_PRELOAD'], library].filter(Boolean).join(' ')
    const { status, stdout, stderr } = runProgram('slow-reset.mjs', [fifo], { LD_PRELOAD: preload })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    answers = JSON.parse(stdout)
  })

  it('lets the loop run, and answers for the file it was called on, though its number is another’s by then', () => {
    expect(answers).toMatchObject({ sameNumber: true, result: 7 })
  })

  it('gives the kernel the struct as it was when the call was made, and leaves the caller’s as it is', () => {
    expect(answers).toMatchObject({ hotReset: 3, bytesAfter: [12, 0, 9] })
  })

  it('keeps nothing open once it has answered', () => {
    expect(answers['stillOpen']).toBe(0)
  })

  it('rejects with the system error', () => {
    expect(answers['refused']).toEqual({ code: 'EINVAL', errno: -22, syscall: 'ioctl' })
  })

  it('lets its Worker end, and leaves only what the Worker left open itself', () => {
    expect(answers['leftByWorker']).toBe(0)
  })
})

describe('what is refused before the call', () => {
  it.each([0, 0x5401, 0x3b63, 0x3b96])('request %s, which is none of VFIO’s or iommufd’s', (number) => {
    expect(() => loadAddon().ioctlAsync(0, number, undefined, () => {})).toThrow(RangeError)
  })

  it('a struct whose argsz is beyond its end', () => {
    const bytes = Uint8Array.of(13, ...new Uint8Array(11))
    expect(() => loadAddon().ioctlAsync(0, VFIO_DEVICE_PCI_HOT_RESET, bytes, () => {})).toThrow(RangeError)
  })

  it('a closed descriptor, by the kernel: a rejection', async () => {
    const kernel = openLinux()
    const closed = kernel.eventfd()
    kernel.close(closed)
    const refused = expect.objectContaining({ code: 'EBADF', syscall: 'ioctl' })
    await expect(kernel.ioctlAsync(closed, VFIO_DEVICE_RESET)).rejects.toEqual(refused)
  })

  it('a file that is no device: ENOTTY', async () => {
    const kernel = openLinux()
    const fd = kernel.open('/dev/null', 'r')
    const refused = expect.objectContaining({ code: 'ENOTTY', errno: -25, syscall: 'ioctl' })
    await expect(kernel.ioctlAsync(fd, VFIO_DEVICE_RESET)).rejects.toEqual(refused)
    kernel.close(fd)
  })
})
