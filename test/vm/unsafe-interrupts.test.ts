import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it, onTestFinished } from 'vitest'
import { unsafeInterrupts } from '../../src/host/interrupt-isolation.ts'
import { openDevice } from '../../src/vfio/device.ts'
import { bindForMode } from '../contract/iommu-modes.ts'

const isolates = readFileSync('/proc/interrupts', 'utf8').includes('IR-')
const parameterOf = (module: string) => `/sys/module/${module}/parameters/allow_unsafe_interrupts`
const modules = ['vfio_iommu_type1', 'iommufd']

// It translates what a device reads and writes, and lets its interrupts pass as they are.
describe.skipIf(isolates)('an IOMMU that does not isolate interrupts', () => {
  it.for([
    ['type1', 'vfio_iommu_type1'],
    ['type1v2', 'vfio_iommu_type1'],
    ['iommufd', 'iommufd'],
  ] as const)('gives no device by %s until %s is told that it may', async ([mode, module], context) => {
    for (const path of modules.map(parameterOf)) {
      const before = readFileSync(path, 'utf8')
      onTestFinished(() => writeFileSync(path, before))
      writeFileSync(path, 'N')
    }
    const parameter = parameterOf(module)
    const { kernel, address: name, group } = await bindForMode(context, mode, 'edu')
    const open = () => openDevice(kernel, { group, name }, { iommu: mode })
    expect(unsafeInterrupts(kernel.files)?.message).toContain('EPERM')
    expect(open).toThrow(
      expect.objectContaining({ code: 'PERMISSION_DENIED', hint: expect.stringContaining(parameter) }),
    )
    writeFileSync(parameter, 'Y')
    expect(unsafeInterrupts(kernel.files)).toBe(null)
    open().close()
  })
})
