import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { asyncCodeOf } from '../machine.ts'
import { driverOf, edu, openPci, pciScenario, toVfio } from './pci-scenario.ts'

/** Two kernel objects of one machine, as two processes have them. */
function twoKernels() {
  const stateDirectory = mkdtempSync(join(tmpdir(), 'vfioctl-mock-'))
  onTestFinished(() => rmSync(stateDirectory, { recursive: true }))
  const open = () => {
    const kernel = createMockKernel(pciScenario, { stateDirectory })
    onTestFinished(() => kernel.dispose())
    return kernel
  }
  return [open(), open()] as const
}

test('drivers and registers outlive the process that set them', async () => {
  const [one, other] = twoKernels()
  await toVfio(one, edu)
  const opened = openPci(one, edu)
  one.pwrite(opened.device, Uint8Array.of(1, 0, 0, 0), 4)
  for (const fd of [opened.device, opened.group, opened.container]) one.close(fd)
  expect(driverOf(other, edu)).toBe('vfio-pci')
  const bytes = new Uint8Array(4)
  other.pread(openPci(other, edu).device, bytes, 4)
  expect([...bytes]).toEqual([0xfe, 0xff, 0xff, 0xff])
})

test('a group that one process has open is EBUSY for another, and its unbinding waits for the first', async () => {
  const [one, other] = twoKernels()
  await toVfio(one, edu)
  const { device, group } = openPci(one, edu)
  expect(() => other.open('/dev/vfio/3', 'rw')).toThrow(expect.objectContaining({ code: 'EBUSY' }))
  let isUnbound = false
  const unbinding = asyncCodeOf(other.files.write('/sys/bus/pci/drivers/vfio-pci/unbind', edu)).finally(() => {
    isUnbound = true
  })
  await new Promise(setImmediate)
  expect(isUnbound).toBe(false)
  one.close(device)
  one.close(group)
  expect(await unbinding).toBe(null)
  expect(driverOf(one, edu)).toBe(null)
})
