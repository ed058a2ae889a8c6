import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { Host } from '../../../src/host.ts'
import type { Kernel } from '../../../src/kernel/kernel.ts'
import type { PassedDescriptors } from '../../../src/vfio/iommu/passed-descriptors.ts'
import type { Served } from '../../../src/vfio/program/serve-devices.ts'
import { bindForMode } from '../iommu-modes.ts'
import { bindPci } from '../pci.ts'

const eduId = 0x0100_00ed
const root = '0'

/** A folder of root's for the socket; one of the mock's own disk is there. */
function socketPath(kernel: Kernel): string {
  if (kernel.name === 'mock') return '/etc/vfio.sock'
  const folder = mkdtempSync('/run/vfioctl-socket-')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'vfio.sock')
}

/** Serves a device until the test ends; `told` has what happened at the socket. */
async function serving(kernel: Kernel, address: string, nodes: 'iommufd' | 'group') {
  const host = new Host(kernel)
  const socket = socketPath(kernel)
  const [told, ending]: [Served[], AbortController] = [[], new AbortController()]
  const { signal } = ending
  let ended: Promise<void> = Promise.resolve()
  await new Promise<void>((resolve, reject) => {
    const onServed = (served: Served) => {
      told.push(served)
      resolve()
    }
    ended = host.programs.serveDevices([address], { socket, user: root, nodes, signal, onServed })
    ended.catch(reject)
  })
  const end = async () => {
    ending.abort()
    await ended
  }
  onTestFinished(end)
  return { host, socket, told, end }
}

/** How to close them all, which may be done twice. */
function closing(kernel: Kernel, { iommufd, container, devices = {}, groups = {} }: PassedDescriptors): () => void {
  const open = [iommufd, container, ...Object.values(devices), ...Object.values(groups)]
  return () => {
    for (const fd of open.splice(0)) if (fd !== undefined) kernel.close(fd)
  }
}

async function bound(context: TestContext, nodes: 'iommufd' | 'group') {
  return nodes === 'iommufd' ? bindForMode(context, 'iommufd', 'edu') : bindPci(context, 'edu')
}

describe.each(['iommufd', 'group'] as const)('descriptors of %s that come by a socket', (nodes) => {
  test('open the device, which is free once they are closed', async (context) => {
    const { kernel, address } = await bound(context, nodes)
    const { host, socket, told } = await serving(kernel, address, nodes)
    for (let time = 0; time < 2; time++) {
      const device = await host.openDevice(address, { passed: await host.programs.receiveDescriptors(socket) })
      expect(device.regions.bar0.read32(0) & 0xffff_00ff).toBe(eduId)
      device.close()
    }
    const passed = { what: 'passed', pid: process.pid, uid: 0 }
    expect(told).toEqual([{ what: 'listening', socket, user: expect.any(String) }, passed, passed])
  })
})

describe('the socket', () => {
  test('tells why it passes nothing, and goes on', async (context) => {
    const { kernel, address } = await bound(context, 'group')
    const { host, socket, told } = await serving(kernel, address, 'group')
    const closeFirst = closing(kernel, await host.programs.receiveDescriptors(socket))
    onTestFinished(closeFirst)
    await expect(host.programs.receiveDescriptors(socket)).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message: expect.stringMatching(/^no descriptors were passed: /),
    })
    closeFirst()
    closing(kernel, await host.programs.receiveDescriptors(socket))()
    expect(told.map(({ what }) => what)).toEqual(['listening', 'passed', 'refused', 'passed'])
  })

  test('is gone at its end, and then nobody is there', async (context) => {
    const { kernel, address } = await bound(context, 'group')
    const { host, socket, end } = await serving(kernel, address, 'group')
    expect(kernel.files.kind(socket)).toBe('other')
    await expect(host.programs.serveDevices([address], { socket, user: root })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    await end()
    expect(kernel.files.kind(socket)).toBe(null)
    await expect(host.programs.receiveDescriptors(socket)).rejects.toMatchObject({ code: 'NOT_FOUND', errno: 'ENOENT' })
  })

  test('takes the place of one that nobody listens to, and of no other file', async (context) => {
    const { kernel, address } = await bound(context, 'group')
    const path = socketPath(kernel)
    kernel.close(kernel.sockets.listen(path, 0))
    expect(() => kernel.sockets.connect(path)).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }))
    const host = new Host(kernel)
    await host.programs.serveDevices([address], { socket: path, user: root, signal: AbortSignal.abort() })
    expect(kernel.files.kind(path)).toBe(null)
    kernel.files.create(path, 'mine')
    await expect(host.programs.serveDevices([address], { socket: path, user: root })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
    })
    expect(kernel.files.read(path)).toBe('mine')
  })
})
