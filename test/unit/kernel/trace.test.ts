import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { mkdtempSync, readFileSync, statSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { Host } from '../../../src/host.ts'
import { syscallChannel } from '../../../src/kernel/trace/trace.ts'
import { traced } from '../../../src/kernel/trace/traced-kernel.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { vmScenario } from '../../contract/vm-scenario.ts'

const edu = '0000:00:03.0'

/** The lines of a trace into a file, made by `work` on a simulated host. */
async function lines(work: (host: Host) => Promise<unknown>): Promise<string[]> {
  const file = join(mkdtempSync(join(tmpdir(), 'vfioctl-trace-')), 'trace')
  await using host = new Host(traced(createMockKernel(vmScenario), { VFIOCTL_TRACE: file }))
  await work(host)
  await host.close()
  expect(statSync(file).mode & 0o777).toBe(0o600)
  return readFileSync(file, 'utf8').split('\n').filter(Boolean)
}

test('a line for each call: what was called, on what, with what, and what the kernel answered', async () => {
  const told = await lines(async (host) => {
    await host.bind({ device: edu })
    const device = await host.openDevice(edu)
    device.regions.get(0).read32(0)
    device.close()
  })
  const group = /open\("(\/dev\/vfio\/\d+)", rw\) = (\d+)/.exec(told.join('\n'))
  const [, node, fd] = group ?? []
  expect(told).toContain(`write("/sys/bus/pci/devices/${edu}/driver_override", "vfio-pci") = 0`)
  expect(told).toContain(`ioctl(${fd}<${node}>, VFIO_GROUP_GET_STATUS, {argsz=8}) = 0 {argsz=8, flags=VIABLE}`)
  expect(told.some((line) => line.startsWith(`ioctl(${fd}<${node}>, VFIO_GROUP_GET_DEVICE_FD, "${edu}") = `))).toBe(
    true,
  )
  const info =
    /^ioctl\(\d+<vfio-device 0000:00:03\.0>, VFIO_DEVICE_GET_INFO, \{argsz=\d+\}\) = 0 \{argsz=\d+, flags=PCI, num_regions=9, num_irqs=5/
  expect(told.filter((line) => line.includes('DEVICE_GET_INFO'))).toEqual([expect.stringMatching(info)])
  expect(told.filter((line) => /^pread\(\d+<vfio-device .*>, 4, 0x0\) = 4 0x10000ed$/.test(line))).toHaveLength(1)
  expect(told.at(-1)).toMatch(/^close\(\d+</)
})

test('a refusal is told with its errno, and thrown as it is', async () => {
  const told = await lines(async (host) => {
    await expect(host.openDevice(edu)).rejects.toThrow()
    expect(() => host.kernel.open('/dev/vfio/9999', 'rw')).toThrow('ENOENT')
  })
  expect(told.at(-1)).toBe('open("/dev/vfio/9999", rw) = -1 ENOENT (no such file or directory)')
})

test('subscribers of the channel get the same as objects; without listeners the kernel is not wrapped', async () => {
  const kernel = createMockKernel(vmScenario)
  onTestFinished(() => kernel.dispose())
  expect(traced(kernel, {})).toBe(kernel)
  const told: unknown[] = []
  const listener = (call: unknown) => told.push(call)
  subscribe(syscallChannel, listener)
  try {
    const watched = traced(kernel, {})
    watched.close(watched.eventfd(3))
  } finally {
    unsubscribe(syscallChannel, listener)
  }
  expect(told).toEqual([
    expect.objectContaining({
      name: 'eventfd',
      arguments: '3',
      errno: null,
      line: expect.stringMatching(/^eventfd\(3\) = \d+$/),
    }),
    expect.objectContaining({ name: 'close', result: null, nanoseconds: expect.any(BigInt) }),
  ])
})

test('a file that cannot be written is said once, and changes nothing of the work; no link is followed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-trace-'))
  symlinkSync(join(folder, 'target'), join(folder, 'link'))
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  const kernel = traced(createMockKernel(vmScenario), { VFIOCTL_TRACE: join(folder, 'link') })
  onTestFinished(() => kernel.dispose())
  kernel.close(kernel.eventfd())
  expect(warn.mock.calls).toEqual([[expect.stringContaining('cannot be written: too many levels of symbolic links')]])
})

test('control characters of what is written do not reach the terminal, and long data is cut', async () => {
  const told = await lines(async (host) => {
    await expect(host.kernel.files.write('/sys/bus/pci/rescan', `\u001b[2J${'x'.repeat(500)}`)).rejects.toThrow()
  })
  expect(told.join('')).not.toContain('\u001b')
  expect(told[0]?.length).toBeLessThan(400)
})
