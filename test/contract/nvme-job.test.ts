import { expect, test } from 'vitest'
import { NvmeController } from './nvme-controller.ts'
import { openPci, skipWithoutRegisters } from './pci.ts'

test('nvme answers Identify Controller through queues in DMA memory, and says so on an MSI-X vector', async (context) => {
  skipWithoutRegisters(context, 'nvme')
  const { device } = await openPci(context, 'nvme')
  // Before the queues are made: QEMU's controller looks then whether it may use the vector.
  await using irq = device.irqs.msix.enable([0])
  const controller = await NvmeController.start(device)
  await using answer = await device.dma.allocate(4096)
  controller.identify(answer)
  expect(await irq.next({ timeoutMs: 20_000 })).toEqual({ vector: 0, count: 1 })
  expect(controller.takeCompletion()).toEqual({ commandId: 0, status: 0 })
  const text = (from: number, to: number) => new TextDecoder().decode(answer.view().slice(from, to)).trim()
  expect(new DataView(answer.memory.view().buffer).getUint16(answer.offset, true)).toBe(0x1b36)
  expect(text(4, 24)).toBe('vfioctl')
  expect(text(24, 64)).toBe('QEMU NVMe Ctrl')
})
