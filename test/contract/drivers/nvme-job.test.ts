import { expect, type TestContext, test } from 'vitest'
import type { EnabledIrq } from '../../../src/vfio/irq/irq-enabled.ts'
import { openPci } from '../pci.ts'
import { NvmeController } from './nvme-controller.ts'
import { entries } from './nvme-queue.ts'

const timeoutMs = 20_000
const opcode = {
  flush: 0x00,
  deleteSubmissionQueue: 0x00,
  createSubmissionQueue: 0x01,
  deleteCompletionQueue: 0x04,
  createCompletionQueue: 0x05,
  identify: 0x06,
  none: 0x7f,
} as const
/** Status type and code, and the bit that says not to try again. */
const status = {
  success: 0,
  invalidOpcode: 0x4001,
  invalidField: 0x4002,
  invalidNamespace: 0x400b,
  invalidCompletionQueue: 0x4100,
  invalidQueue: 0x4101,
  invalidInterruptVector: 0x4108,
  invalidQueueDeletion: 0x010c,
} as const
const isContiguous = 1
const hasInterrupts = 2

test('nvme answers Identify Controller through queues in DMA memory, and says so on an MSI-X vector', async (context) => {
  const { device } = await openPci(context, 'nvme')
  // Before the queues are made: QEMU's controller looks then whether it may use the vector.
  await using irq = device.irqs.msix.enable([0])
  const { admin } = await NvmeController.start(device)
  await using answer = await device.dma.allocate(4096)
  admin.submit({ opcode: opcode.identify, prp1: answer.iova, dword10: 1 })
  expect(await irq.next({ timeoutMs })).toEqual({ vector: 0, count: 1 })
  expect(admin.takeCompletion()).toEqual({ commandId: 0, status: 0 })
  const text = (from: number, to: number) => new TextDecoder().decode(answer.view().slice(from, to)).trim()
  expect(new DataView(answer.memory.view().buffer).getUint16(answer.offset, true)).toBe(0x1b36)
  expect(text(4, 24)).toBe('vfioctl')
  expect(text(24, 64)).toBe('QEMU NVMe Ctrl')
})

test('nvme has no namespace, and no other admin command than those it says', async (context) => {
  const { device, irq, admin } = await startNvme(context)
  await using answer = await device.dma.allocate(4096)
  const identify = async (structure: number, namespace: number) => {
    answer.view().fill(0xff)
    admin.submit({ opcode: opcode.identify, namespace, prp1: answer.iova, dword10: structure })
    await irq.next({ timeoutMs })
    return [
      admin.takeCompletion()?.status,
      answer
        .view()
        .subarray(0, 4096)
        .some((byte) => byte !== 0),
    ]
  }
  expect(await identify(0, 1)).toEqual([status.success, false])
  expect(await identify(0, 0)).toEqual([status.invalidNamespace, true])
  expect(await identify(2, 0)).toEqual([status.success, false])
  expect(await identify(0x7f, 0)).toEqual([status.invalidField, true])
  admin.submit({ opcode: opcode.none })
  await irq.next({ timeoutMs })
  expect(admin.takeCompletion()).toEqual({ commandId: 4, status: status.invalidOpcode })
})

test('nvme makes I/O queues, whose completions come on a vector of their own', async (context) => {
  const { controller, irq, run } = await startNvme(context)
  const io = await controller.newQueue(1)
  const sizes = ((entries - 1) << 16) | 1
  const { completions, submissions } = io
  const vector = (number: number) => (number << 16) | hasInterrupts | isContiguous
  const create = opcode.createCompletionQueue
  const unmade = { opcode: opcode.createSubmissionQueue, prp1: submissions.iova, dword10: sizes }
  expect(await run({ ...unmade, dword11: (1 << 16) | isContiguous })).toBe(status.invalidCompletionQueue)
  expect(await run({ opcode: create, prp1: completions.iova, dword10: sizes, dword11: vector(99) })).toBe(
    status.invalidInterruptVector,
  )
  expect(await run({ opcode: create, prp1: completions.iova, dword10: sizes, dword11: vector(1) })).toBe(status.success)
  expect(await run({ opcode: create, prp1: completions.iova, dword10: sizes, dword11: vector(1) })).toBe(
    status.invalidQueue,
  )
  expect(await run({ ...unmade, dword11: (1 << 16) | isContiguous })).toBe(status.success)
  io.submit({ opcode: opcode.flush, namespace: 1 })
  expect(await irq.next({ timeoutMs })).toEqual({ vector: 1, count: 1 })
  expect(io.takeCompletion()).toEqual({ commandId: 0, status: status.invalidField })
  expect(controller.admin.takeCompletion()).toBe(null)
  expect(await run({ opcode: opcode.deleteCompletionQueue, dword10: 1 })).toBe(status.invalidQueueDeletion)
  expect(await run({ opcode: opcode.deleteSubmissionQueue, dword10: 1 })).toBe(status.success)
  expect(await run({ opcode: opcode.deleteCompletionQueue, dword10: 1 })).toBe(status.success)
})

test('nvme goes round its queues: more commands than they have entries', async (context) => {
  const { admin, irq, device } = await startNvme(context)
  await using answer = await device.dma.allocate(4096)
  for (let nth = 0; nth < 2 * entries + 3; nth++) {
    admin.submit({ opcode: opcode.identify, prp1: answer.iova, dword10: 1 })
    await irq.next({ timeoutMs })
    expect(admin.takeCompletion()).toEqual({ commandId: nth % entries, status: status.success })
  }
})

test('nvme does not come up where its admin queue begins within a page, and does once it is put right', async (context) => {
  const { device } = await openPci(context, 'nvme')
  const failed = await NvmeController.start(device, ({ adminSubmissionQueue }) => adminSubmissionQueue.write(0x800n))
  expect(failed.registers.status.fields()).toMatchObject({ ready: false, fatal: true })
  await device.reset()
  expect(failed.registers.status.fields()).toMatchObject({ ready: false, fatal: false })
  const { registers } = await NvmeController.start(device)
  expect(registers.status.fields()).toMatchObject({ ready: true, fatal: false })
})

async function startNvme(context: TestContext) {
  const { device } = await openPci(context, 'nvme')
  const irq: EnabledIrq = device.irqs.msix.enable([0, 1])
  const controller = await NvmeController.start(device)
  const { admin } = controller
  const run = async (command: Parameters<typeof admin.submit>[0]) => {
    admin.submit(command)
    expect(await irq.next({ timeoutMs })).toEqual({ vector: 0, count: 1 })
    return admin.takeCompletion()?.status
  }
  return { device, irq, controller, admin, run }
}
