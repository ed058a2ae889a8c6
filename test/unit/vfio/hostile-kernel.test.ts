import fc from 'fast-check'
import { expect, test } from 'vitest'
import { VfioError } from '../../../src/base/errors.ts'
import type { IommuMode } from '../../../src/vfio/address-space/address-space.ts'
import { type Device, openDevice } from '../../../src/vfio/device.ts'
import { IovaAllocator } from '../../../src/vfio/iova/iova-allocator.ts'
import { expectAnswers } from '../hostile.ts'
import { HostileKernel } from './hostile-kernel.ts'
import { LoggedMapping } from './region/logged-mapping.ts'

const address = { group: 5, name: '0000:00:05.0' }
const kernels = fc.record({
  seed: fc.integer(),
  refusals: fc.constantFrom(0, 0, 2, 20),
  large: fc.constantFrom(0, 5, 30),
})

const memory = new LoggedMapping([], 0, 0x4000)

/** Questions to an open device; each is a value or a VfioError by itself. */
const questions: readonly ((device: Device) => unknown)[] = [
  ({ regions }) => [...regions].map(({ size }) => size),
  ({ regions }) => regions.ofType(1, 1),
  ({ regions }) => [regions.bar0.read8(0), regions.bar0.read32(4), regions.bar0.read64(8)],
  ({ regions }) => regions.bar0.write32(0, 1),
  ({ regions }) => regions.bar0.readInto(0, new Uint8Array(24)),
  ({ regions }) => regions.bar0.map().read32(0),
  ({ pci }) => pci.configSpace(),
  ({ pci }) => [pci.memoryDecode, pci.busMaster],
  ({ irqs }) => [...irqs],
  ({ irqs }) => irqs.msix.count,
  ({ addressSpace }) => addressSpace.availableMappings(),
  ({ addressSpace }) => addressSpace.ranges(),
  ({ addressSpace }) => addressSpace.info(),
  ({ addressSpace }) => {
    const { pageSize } = addressSpace
    const iova = new IovaAllocator(pageSize, 2 ** 21, () => addressSpace.ranges()).allocate({
      size: memory.length,
      addressBits: 32,
    })
    addressSpace.map({ iova, memory, offset: 0, size: memory.length, access: 'rw' })
    return addressSpace.unmap(iova, 0x4000n)
  },
  ({ addressSpace }) => addressSpace.physicalPages(memory, 0, memory.length),
  ({ features }) => features.has('migration', 'get'),
  ({ features }) => features.get('migration', new Uint8Array(8)),
  ({ migration }) => [migration.can, migration.state, migration.stopCopySize()],
  ({ display }) => display.kinds(),
  ({ display }) => display.regionPlane(),
  ({ display }) => display.dmabufPlane('cursor'),
  ({ display }) => display.edid.read(),
  ({ display }) => display.edid.plug(new Uint8Array(128)),
  (device) => device.affectedByHotReset(),
  (device) => device.setVfToken('83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'),
  (device) => device.enterLowPower(),
]

function ask(kernel: HostileKernel, iommu: IommuMode): unknown[] {
  const answers: unknown[] = []
  const device = openDevice(kernel, address, { iommu })
  try {
    for (const question of questions) answers.push(answerOf(() => question(device)))
  } finally {
    answerOf(() => device.close())
  }
  return answers
}

function answerOf(question: () => unknown): unknown {
  try {
    return question()
  } catch (error) {
    if (error instanceof VfioError) return error
    throw error
  }
}

test.each(['type1v2', 'iommufd', 'noiommu'] as const)(
  'a kernel that is up to anything, in mode %s: values and VfioErrors, and nothing stays open',
  (iommu) => {
    const { values, errors } = expectAnswers(kernels, ({ seed, ...habits }) => {
      const kernel = new HostileKernel(seed, habits)
      try {
        return ask(kernel, iommu)
      } finally {
        expect([...kernel.descriptors.values()]).toEqual([])
      }
    })
    expect(values).toBeGreaterThan(0)
    expect(errors).toBeGreaterThan(0)
  },
)
