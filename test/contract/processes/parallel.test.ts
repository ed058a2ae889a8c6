import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { Worker } from 'node:worker_threads'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { DeviceAddress } from '../../../src/host/device-node.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'
import { openDevice } from '../../../src/vfio/device.ts'
import { openAddressSpace } from '../../../src/vfio/iommu/open-address-space.ts'
import { bindForMode, translatingModes } from '../iommu-modes.ts'
import { type ContractKernel, contractKernel } from '../kernel.ts'
import { bindPci, type PciName } from '../pci.ts'
import { vmScenarioUnderTest } from '../vm-scenario.ts'

const every: readonly PciName[] = ['edu', 'edu-root-port', 'edu-shared-1', 'edu-shared-2']
const identification = 0x0100_00ed

describe.each(translatingModes)('in mode %s, four devices', (mode) => {
  test('are open in one address space, and each reaches what was mapped for any', async (context) => {
    const first = await bindForMode(context, mode, 'edu')
    const { kernel } = first
    const bound = [first, ...(await bindOthers(context, first))]
    using space = openAddressSpace(kernel, { iommu: mode })
    const devices = bound.map(({ group, address }) =>
      openDevice(kernel, { group, name: address }, { addressSpace: space, addressBits: 28 }),
    )
    expect(space.attached).toBe(4)
    expect(devices.map(({ regions }) => regions.bar0.read32(0))).toEqual(every.map(() => identification))
    await using buffer = await (devices[0] ?? expect.fail()).dma.allocate(4096)
    for (const device of devices) expect(device.dma.find(buffer.iova)?.buffer).toBe(buffer)
    // neither the first nor the last
    for (const index of [2, 0, 3, 1]) devices[index]?.close()
    expect(space.attached).toBe(0)
  })
})

interface Opener {
  readonly stdin: Writable
  readonly stdout: Readable
  readonly ended: Promise<unknown>
}

describe('devices of one IOMMU are opened and used at the same time', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-parallel-'))
  const library = join(folder, 'library.mjs')
  const program = join(import.meta.dirname, 'programs/open-devices.mjs')
  const addon = join(import.meta.dirname, '../../../build/Release/vfioctl.node')
  const env = { ...process.env, VFIOCTL_ADDON: process.env['VFIOCTL_ADDON'] ?? addon }

  beforeAll(async () => {
    const entry = join(folder, 'entry.ts')
    const source = join(import.meta.dirname, '../../../src')
    const modules = [
      'kernel/linux.ts',
      'mock/kernel/mock-kernel.ts',
      'vfio/device.ts',
      'vfio/iommu/open-address-space.ts',
    ]
    const files = [...modules.map((file) => join(source, file)), join(import.meta.dirname, '../vm-scenario.ts')]
    writeFileSync(entry, files.map((file) => `export * from ${JSON.stringify(file)}\n`).join(''))
    const built = await rolldown({ input: entry, platform: 'node', external: ['ffi-rs'] })
    await built.write({ file: library, format: 'esm' })
    await built.close()
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  const openers: Readonly<Record<'processes' | 'Workers', (job: string) => Opener>> = {
    processes(job) {
      const child = spawn(process.execPath, [program, job], { stdio: ['pipe', 'pipe', 'inherit'], env })
      onTestFinished(() => void child.kill('SIGKILL'))
      return { stdin: child.stdin, stdout: child.stdout, ended: once(child, 'close') }
    },
    Workers(job) {
      const worker = new Worker(program, { argv: [job], stdin: true, stdout: true, env })
      onTestFinished(() => void worker.terminate())
      const { stdin, stdout } = worker
      if (stdin === null) throw new Error('no stdin')
      return { stdin, stdout, ended: once(worker, 'exit') }
    },
  }

  test.for(['processes', 'Workers'] as const)('by several %s', async (kind, context) => {
    const contract = contractKernel()
    if (kind === 'Workers' && contract.name === 'mock')
      context.skip('the mock’s machines are shared by processes, not by Workers of one')
    const stateDirectory = contract.name === 'mock' ? join(folder, 'state') : null
    const machine =
      stateDirectory === null
        ? contract
        : { ...contract, kernel: createMockKernel(vmScenarioUnderTest(), { stateDirectory }) }
    onTestFinished(() => machine.kernel.dispose())
    const bound = [await bindPci(context, 'edu', machine), ...(await bindOthers(context, machine))]
    const [alone, behindPort, ...shared] = bound.map(({ group, address }) => ({ group, name: address }))
    const groups = [[alone], [behindPort], shared].map((group) => group.filter((it) => it !== undefined))
    const running = groups.map((devices) => {
      const job = { library, stateDirectory, iommu: 'type1v2', devices }
      return { devices, opener: openers[kind](JSON.stringify(job)) }
    })
    const results = await Promise.all(running.map(({ opener }) => lineOf(opener.stdout)))
    expect(results).toEqual(running.map(({ devices }) => devices.map(expected)))
    for (const { opener } of running) opener.stdin.end()
    const codes = await Promise.all(running.map(({ opener }) => opener.ended))
    expect(codes.map((code) => (Array.isArray(code) ? code[0] : code))).toEqual([0, 0, 0])
  })
})

async function bindOthers(context: TestContext, contract: ContractKernel) {
  const bound = []
  for (const name of every.slice(1)) bound.push(await bindPci(context, name, contract))
  return bound
}

function expected({ name }: DeviceAddress): { factorial: number; copied: string } {
  return { factorial: 120, copied: name }
}

async function lineOf(stream: Readable): Promise<unknown> {
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text.endsWith('\n')) return JSON.parse(text)
  }
  throw new Error('it ended without a word')
}
