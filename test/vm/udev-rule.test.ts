import { existsSync, rmSync } from 'node:fs'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { vfioctl } from '../cli/vfioctl.ts'
import { active, define, run } from './defined-devices.ts'
import { startUdevd } from './udevd.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1301'

beforeAll(() => {
  const end = startUdevd()
  define(uuid, 'mtty', 'mtty-1', 'auto')
  return end
})
afterAll(() => {
  vfioctl(['stop', uuid])
  rmSync('/etc/mdevctl.d/mtty', { recursive: true })
})

it('where systemd is not, udev itself has what is defined started as its parent’s driver is loaded', async () => {
  expect(existsSync('/run/systemd/system')).toBe(false)
  expect(vfioctl(['boot', 'install'])).toMatchObject({ status: 0, stderr: expect.stringMatching(/control --reload\n/) })
  run('modprobe', '-r', 'mtty')
  run('modprobe', 'mtty')
  await vi.waitFor(() => expect(active()).toEqual([uuid]), { timeout: 100_000, interval: 200 })
  expect(vfioctl(['boot', 'remove'])).toMatchObject({ status: 0 })
})
