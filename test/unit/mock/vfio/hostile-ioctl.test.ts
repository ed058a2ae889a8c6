import fc from 'fast-check'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isSystemError } from '../../../../src/base/system-error.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { vfioDeviceBindIommufd } from '../../../../src/uapi/device.ts'
import { iommufdRequest } from '../../../../src/uapi/iommufd.ts'
import { request } from '../../../../src/uapi/requests.ts'
import { encode } from '../../../../src/uapi/struct.ts'
import { expectAnswers, structBytes } from '../../hostile.ts'
import { createMdev, openMdev, uuid } from '../machine.ts'
import { card, edu, openPci, pciKernel, pciScenario, toVfio } from '../pci/pci-scenario.ts'

interface Machine {
  readonly kernel: Kernel
  readonly fds: readonly number[]
}

const devices: Readonly<Record<string, (kernel: Kernel) => Promise<readonly number[]>>> = {
  mtty: async (kernel) => {
    await createMdev(kernel, 'mtty-2', uuid)
    return Object.values(openMdev(kernel, uuid))
  },
  edu: async (kernel) => {
    await toVfio(kernel, edu)
    return Object.values(openPci(kernel, edu))
  },
  'edu and iommufd': async (kernel) => {
    await toVfio(kernel, edu)
    const [node] = kernel.files.list('/dev/vfio/devices')
    const [iommufd, device] = [kernel.open('/dev/iommu', 'rw'), kernel.open(`/dev/vfio/devices/${node}`, 'rw')]
    const bind = { argsz: vfioDeviceBindIommufd.size, iommufd }
    kernel.ioctl(device, request.VFIO_DEVICE_BIND_IOMMUFD, encode(vfioDeviceBindIommufd, bind))
    return [iommufd, device]
  },
  'a card of PCI Express': async (kernel) => {
    await toVfio(kernel, card)
    return Object.values(openPci(kernel, card))
  },
}

async function machineWith(name: string): Promise<Machine> {
  const kernel = pciKernel({ kernel: '7', modules: { ...pciScenario.modules, iommufd: {} } })
  onTestFinished(() => kernel.dispose())
  const fds = (await devices[name]?.(kernel)) ?? []
  return { kernel, fds: [...fds, kernel.eventfd()] }
}

/** With its own length in argsz, mostly: else the call would not get far. */
const argument = fc.tuple(structBytes, fc.boolean(), fc.boolean()).map(([bytes, isWhole, isLong]) => {
  const struct = new Uint8Array(bytes.length + (isLong ? 64 : 0))
  struct.set(bytes)
  if (isWhole && struct.length >= 4) new DataView(struct.buffer).setUint32(0, struct.length, true)
  return struct
})

/** True for an errno, and for RangeError of a call that never reaches a kernel, as a struct longer than its buffer. */
function isMeant(error: unknown): boolean {
  const neverReaches =
    /^((argsz|size) \d+ is more than|\d+ bytes are too few for a struct|\d+ is not a file offset|the device name does)/
  return isSystemError(error) || (error instanceof RangeError && neverReaches.test(error.message))
}

describe.each(Object.keys(devices))('the mock with %s open', (name) => {
  test('answers any ioctl with a value or an errno', async () => {
    const { kernel, fds } = await machineWith(name)
    const call = fc.record({
      fd: fc.constantFrom(...fds),
      number: fc.constantFrom(...Object.values({ ...request, ...iommufdRequest })),
      bytes: fc.oneof({ weight: 6, arbitrary: argument }, { weight: 1, arbitrary: fc.integer() }),
      pointer: fc.nat(40),
    })
    const memory = kernel.allocateMemory({ size: 0x4000, kind: 'anonymous' })
    const { values, errors } = expectAnswers(
      call,
      ({ fd, number, bytes, pointer }) => {
        if (typeof bytes === 'number') return kernel.ioctl(fd, number, bytes)
        return kernel.ioctl(fd, number, bytes, [{ offset: pointer, target: memory }])
      },
      isMeant,
    )
    expect(Math.min(values, errors)).toBeGreaterThan(0)
  })

  test('answers any read, write and mmap with a value or an errno', async () => {
    const { kernel, fds } = await machineWith(name)
    const offset = fc
      .tuple(fc.nat(10), fc.oneof(fc.nat(0x200), fc.nat(0x20_0000), fc.maxSafeNat()))
      .map(([index, within]) => Math.min(index * 2 ** 40 + within, Number.MAX_SAFE_INTEGER))
    const call = fc.record({
      fd: fc.constantFrom(...fds),
      way: fc.constantFrom('pread', 'pwrite', 'mmap'),
      offset: fc.oneof(
        offset,
        offset.map((at) => at - (at % 4096)),
      ),
      bytes: structBytes,
    })
    const { values, errors } = expectAnswers(
      call,
      ({ fd, way, offset, bytes }) => {
        if (way === 'pread') return kernel.pread(fd, bytes, offset)
        if (way === 'pwrite') return kernel.pwrite(fd, bytes, offset)
        const mapping = kernel.mmap(fd, { offset, length: 4096, access: 'rw' })
        mapping.close()
        return mapping.length
      },
      isMeant,
    )
    expect(Math.min(values, errors)).toBeGreaterThan(0)
  })
})
