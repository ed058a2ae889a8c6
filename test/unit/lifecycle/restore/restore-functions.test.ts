import { expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { readPhysicalFunction } from '../../../../src/host/sriov.ts'
import { listKeptForBoot } from '../../../../src/lifecycle/boot/kept.ts'
import { restore } from '../../../../src/lifecycle/restore/restore.ts'
import { sriovSettings } from '../../../../src/lifecycle/sriov/sriov-settings.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'

const network = parsePciAddress('81:00.0')

/** A host whose network card, 8086:1592, has no functions yet, and for whose address this is kept. */
function hostKeeping(kept: { count: number; vendor?: string; device?: string }) {
  const kernel = createMockKernel('gpu-host')
  onTestFinished(() => kernel.dispose())
  kernel.files.makeDirectory('/etc/vfioctl.d')
  sriovSettings.save(kernel.files, network, kept)
  return kernel
}

test.each([
  ['of that card', { count: 3, vendor: '0x8086', device: '0x1592' }],
  ['of an older vfioctl, which does not say of which card', { count: 3 }],
])('a number of virtual functions %s is restored', async (_what, kept) => {
  const kernel = hostKeeping(kept)
  expect((await restore(kernel)).results).toMatchObject([{ outcome: 'started' }])
  expect(readPhysicalFunction(kernel.files, network)?.count).toBe(3)
})

test('a number that is kept for another card than the one that stands there now makes no functions, and says so', async () => {
  const kernel = hostKeeping({ count: 3, vendor: '0x8086', device: '0x1593' })
  const message = expect.stringMatching(/81:00\.0 is another card than .*: 0x8086:0x1592, not 0x8086:0x1593/)
  expect((await restore(kernel)).results).toMatchObject([
    { outcome: 'no-parent', error: { code: 'NOT_SUPPORTED', message } },
  ])
  expect(readPhysicalFunction(kernel.files, network)?.count).toBe(0)
  expect(listKeptForBoot(kernel.files).kept).toMatchObject([{ now: 'another device' }])
})
