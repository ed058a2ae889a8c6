import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { findDeviceNode, isNoiommuGroup } from '../../../src/host/device-node.ts'
import { type Device, type DeviceAddressSpace, openDevice } from '../../../src/vfio/device.ts'
import type { DmaBuffer } from '../../../src/vfio/dma/dma-buffer.ts'
import { openContainer } from '../../../src/vfio/group/container.ts'
import { NoiommuDevices, NoiommuGroups } from '../../../src/vfio/iommu/noiommu-address-space.ts'
import { openAddressSpace } from '../../../src/vfio/iommu/open-address-space.ts'
import { NvmeController } from '../drivers/nvme-controller.ts'
import { allocate } from '../iommu-modes.ts'
import { page } from '../machine.ts'
import { reserveHugePages } from './huge-pages.ts'
import { bindWithoutIommu } from './without-iommu.ts'

const hugePage = 0x20_0000
const timeoutMs = 20_000

function code(expected: string, facts: object = {}) {
  return expect.objectContaining({ name: 'VfioError', code: expected, facts: expect.objectContaining(facts) })
}

type Door = 'device' | 'group'

/** An nvme, which reaches all 64 bits, by its own node or by its group's. */
async function openNvme(context: TestContext, door: Door): Promise<Device> {
  const { kernel, address } = await bindWithoutIommu(context, 'nvme')
  let addressSpace: DeviceAddressSpace
  if (door === 'device') {
    if (findDeviceNode(kernel.files, address) === null) context.skip('this kernel has no device nodes without an IOMMU')
    addressSpace = openAddressSpace(kernel, { iommu: 'noiommu' })
    expect(addressSpace).toBeInstanceOf(NoiommuDevices)
  } else {
    const { group } = address
    if (group === null || !isNoiommuGroup(kernel.files, group))
      context.skip('this kernel has no groups without an IOMMU')
    addressSpace = new NoiommuGroups(openContainer(kernel))
  }
  onTestFinished(() => addressSpace.close())
  return openDevice(kernel, address, { addressSpace })
}

/** Has nvme write its Identify Controller data somewhere in the buffer. */
async function identify(device: Device, answer: DmaBuffer, offset = 0): Promise<void> {
  await using irq = device.irqs.msix.enable([0])
  const { admin } = await NvmeController.start(device)
  admin.submit({ opcode: 0x06, prp1: answer.iovaOf(offset), dword10: 1 })
  await irq.next({ timeoutMs })
  expect(admin.takeCompletion()).toEqual({ commandId: 0, status: 0 })
  const text = (from: number, to: number) =>
    new TextDecoder().decode(answer.view().slice(offset + from, offset + to)).trim()
  expect([text(4, 24), text(24, 64)]).toEqual(['vfioctl', 'QEMU NVMe Ctrl'])
}

describe.each(['device', 'group'] as const)('without an IOMMU, by the %s node, a DMA buffer', (door) => {
  test('is where its memory is, and nvme works with queues and an answer there', async (context) => {
    const device = await openNvme(context, door)
    await using answer = await device.dma.allocate(page)
    expect([answer.iova]).toEqual(device.addressSpace.physicalPages(answer.memory, 0, page))
    expect(device.dma.find(answer.iova + 5n)).toEqual({ buffer: answer, offset: 5 })
    await identify(device, answer)
  })

  test('a buffer of huge pages is 2 MiB in one piece, of which nvme reaches the end', async (context) => {
    const device = await openNvme(context, door)
    await reserveHugePages(context, device.addressSpace.kernel, 1)
    await using answer = await device.dma.allocate(hugePage, { hugePages: true })
    expect([answer.size, answer.iova % BigInt(hugePage)]).toEqual([hugePage, 0n])
    const pages = device.addressSpace.physicalPages(answer.memory, 0, hugePage)
    expect(pages.at(-1)).toBe(answer.iova + BigInt(hugePage - page))
    await identify(device, answer, hugePage - page)
    expect(
      answer
        .view()
        .subarray(0, hugePage - page)
        .every((byte) => byte === 0),
    ).toBe(true)
  })

  test('is of memory in one piece: NOT_SUPPORTED for more, and for an address that is wished for', async (context) => {
    const { addressSpace, dma } = await openNvme(context, door)
    const memory = allocate(addressSpace.kernel, 64 * page)
    onTestFinished(() => memory.close())
    const pages = addressSpace.physicalPages(memory, 0, 64 * page)
    const gap = pages.findIndex((address, index) => index > 0 && address !== (pages[index - 1] ?? 0n) + BigInt(page))
    expect(gap).toBeGreaterThan(0)
    const over = { offset: (gap - 1) * page, size: 2 * page }
    await expect(dma.map(memory, over)).rejects.toThrow(code('NOT_SUPPORTED', { pieces: 2 }))
    await expect(dma.map(memory, { size: page, iova: 0x10_0000n })).rejects.toThrow(code('NOT_SUPPORTED'))
    await expect(dma.map(memory, { size: page, addressBits: 12 })).rejects.toThrow(
      code('NOT_SUPPORTED', { addressBits: 12 }),
    )
    using first = await dma.map(memory, { size: page })
    await expect(dma.map(memory, { size: page })).rejects.toThrow(code('IOVA_IN_USE'))
    expect(dma.buffers).toEqual([first])
  })

  test('is given back a thousand times over', async (context) => {
    const { dma, addressSpace } = await openNvme(context, door)
    const lockedBytes = () => dma.memlock()?.locked
    const before = lockedBytes()
    for (let time = 0; time < 1000; time++) (await dma.allocate(page)).close()
    expect([lockedBytes(), dma.buffers]).toEqual([before, []])
    const last = await dma.allocate(page)
    addressSpace.close()
    expect(() => addressSpace.physicalPages(last.memory, 0, page)).toThrow(code('CLOSED'))
  })
})
