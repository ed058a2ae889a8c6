import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { boundDriver } from '../../../../src/host/group-members.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { listKeptForBoot } from '../../../../src/lifecycle/boot/kept.ts'
import { diagnose } from '../../../../src/lifecycle/doctor/diagnose.ts'
import { restore } from '../../../../src/lifecycle/restore/restore.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { rebootMock } from '../../../../src/mock/kernel/machine-state.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { stub } from '../../stub.ts'

const card = '0000:00:1f.6'
const gpu = '0000:3b:00.0'

function machine() {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-next-boot-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const begin = () => {
    const kernel = createMockKernel(demo, { stateDirectory: folder })
    onTestFinished(() => kernel.dispose())
    return kernel
  }
  const reboot = () => {
    rebootMock(folder, demo)
    return begin()
  }
  return { kernel: begin(), reboot }
}

const driverOf = ({ files }: Kernel, address: string) => boundDriver(files, `/sys/bus/pci/devices/${address}/driver`)

/** A kernel on which a process has a node open. */
function opened(kernel: Kernel, node: string): Kernel {
  const { files } = kernel
  const texts: Readonly<Record<string, string>> = { '/proc/812/comm': 'Xorg\n', '/proc/812/cmdline': 'Xorg\0' }
  return stub(kernel, {
    files: stub(files, {
      kind: (path) => (path in texts ? 'file' : /^\/proc\/812(?:\/fd)?$/.test(path) ? 'directory' : files.kind(path)),
      list: (path) =>
        path === '/proc' ? [...files.list(path), '812'] : path === '/proc/812/fd' ? ['7'] : files.list(path),
      readlink: (path) => (path === '/proc/812/fd/7' ? node : files.readlink(path)),
      read: (path, limit) => texts[path] ?? files.read(path, limit),
    }),
  })
}

test('a binding from the next boot on leaves the device alone until then, whatever restores meanwhile', async () => {
  const { kernel, reboot } = machine()
  const [change] = await bind(kernel, { device: card, nextBoot: true })
  expect(change).toMatchObject({ from: 'e1000e', to: 'e1000e', changed: true })
  expect(change?.steps.map(({ action }) => action)).toEqual(['save'])
  expect(await restore(kernel, {})).toEqual({ results: [], warnings: [] })
  expect(driverOf(kernel, card)).toBe('e1000e')
  expect(listKeptForBoot(kernel.files).kept).toMatchObject([{ device: card, now: 'with e1000e until the next boot' }])
  const { findings } = await diagnose(kernel)
  expect(findings.filter(({ device, severity }) => device === card && severity !== 'note')).toEqual([])
  const next = reboot()
  await restore(next, {})
  expect(driverOf(next, card)).toBe('vfio-pci')
})

test('bound after all, it waits no longer; released, nothing is kept', async () => {
  const { kernel } = machine()
  await bind(kernel, { device: card, nextBoot: true })
  await bind(kernel, { device: card })
  expect(driverOf(kernel, card)).toBe('vfio-pci')
  expect(keptBindings.read(kernel.files, card)).not.toHaveProperty('afterBoot')
  await bind(kernel, { device: gpu, nextBoot: true })
  await release(kernel, { device: gpu })
  expect(driverOf(kernel, gpu)).toBe('nvidia')
  expect(keptBindings.readOrNone(kernel.files, gpu)).toBeNull()
})

test('early too: the rule and the initramfs are made, and the device is as it was', async () => {
  const { kernel } = machine()
  await bind(kernel, { device: card, early: true, nextBoot: true })
  expect(driverOf(kernel, card)).toBe('e1000e')
  expect(kernel.files.read(`/sys/bus/pci/devices/${card}/driver_override`).trim()).toBe('(null)')
  expect(kernel.files.read('/boot/initrd.img-6.1.0')).toContain('05-vfioctl-early.rules')
})

test('a process that has the device open keeps it now, and not from the next boot', async () => {
  const { kernel } = machine()
  const used = opened(kernel, '/dev/vfio/6')
  await expect(bind(used, { device: gpu, early: true })).rejects.toMatchObject({ code: 'DEVICE_BUSY' })
  await bind(used, { device: gpu, early: true, nextBoot: true })
  expect(keptBindings.read(kernel.files, gpu)).toMatchObject({ early: true })
})

test('a use that the next boot brings back keeps it then too', async () => {
  const { kernel } = machine()
  const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
  await kernel.files.write(`/sys/class/mdev_bus/${gpu}/mdev_supported_types/nvidia-222/create`, uuid)
  await expect(bind(kernel, { device: gpu, nextBoot: true })).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    message: expect.stringContaining('from nvidia at the next boot'),
  })
})

test('what is transient is kept for no boot', async () => {
  const { kernel } = machine()
  await expect(bind(kernel, { device: card, transient: true, nextBoot: true })).rejects.toMatchObject({
    code: 'INVALID_ARGUMENT',
  })
})
