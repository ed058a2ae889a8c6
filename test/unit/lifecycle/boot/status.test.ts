import { expect, onTestFinished, test } from 'vitest'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { bootStatus } from '../../../../src/lifecycle/boot/status.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { stub } from '../../stub.ts'

const card = '0000:00:1f.6'
const rule = '/etc/udev/rules.d/05-vfioctl-early.rules'
const image = '/boot/initrd.img-6.1.0'
const other = '/boot/initrd.img-6.0.0'

function host(disk: Readonly<Record<string, string | null>> = {}) {
  const kernel = createMockKernel({ ...demo, disk: { ...demo.disk, [other]: 'old\n', ...disk } })
  onTestFinished(() => kernel.dispose())
  return kernel
}

test('of a host that binds nothing early, the status says nothing of it', async () => {
  expect(await bootStatus(host())).toMatchObject({ installed: false, early: null })
})

test('of what is bound early, it has the rule, and which images have that', async () => {
  const kernel = host()
  await bind(kernel, { device: card, early: true })
  const { early } = await bootStatus(kernel)
  expect(early).toEqual({
    devices: [{ address: card, vendor: '0x8086', device: '0x15bc', driver: 'vfio-pci', module: 'vfio_pci' }],
    rule: { path: rule, state: 'written' },
    images: [
      { path: other, running: false, rule: 'missing' },
      { path: image, running: true, rule: 'there' },
    ],
    leftOut: false,
    unfinished: false,
  })
})

test('it tells a rule that is gone, changed or somebody else’s, and an image that is older or cannot be looked into', async () => {
  const kernel = host({ '/proc/cmdline': 'quiet vfioctl.early=0\n' })
  const { files } = kernel
  await bind(kernel, { device: card, early: true })
  const older = stub(kernel, { files: stub(files, { modified: (path) => (path === image ? 1 : 2) }) })
  expect((await bootStatus(older)).early?.images[1]).toEqual({ path: image, running: true, rule: 'older' })
  const mute = stub(kernel, { runProgram: async () => ({ status: 1, timedOut: false, stdout: '', stderr: '' }) })
  expect((await bootStatus(mute)).early?.images[1]).toEqual({ path: image, running: true, rule: 'unknown' })
  const written = files.read(rule)
  await files.write(rule, `${written}# more\n`)
  expect((await bootStatus(kernel)).early?.rule).toEqual({ path: rule, state: 'outdated' })
  await files.write(rule, '# mine')
  expect((await bootStatus(kernel)).early?.rule).toEqual({ path: rule, state: 'foreign' })
  files.unlink(rule)
  expect((await bootStatus(kernel)).early).toMatchObject({ rule: { state: 'missing' }, leftOut: true })
})
