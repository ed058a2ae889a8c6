import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { kernelOrder } from '../../src/base/byte-order.ts'
import { traced } from '../../src/kernel/trace/traced-kernel.ts'
import { vfioIommuType1Info } from '../../src/uapi/container.ts'
import { request } from '../../src/uapi/requests.ts'
import { encode } from '../../src/uapi/struct.ts'
import { contractKernel } from './kernel.ts'

test('the same calls are traced in the same lines, whichever kernel answers', () => {
  const file = join(mkdtempSync(join(tmpdir(), 'vfioctl-trace-')), 'trace')
  const kernel = traced(contractKernel().kernel, { VFIOCTL_TRACE: file })
  onTestFinished(() => kernel.dispose())
  const container = kernel.open('/dev/vfio/vfio', 'rw')
  kernel.ioctl(container, request.VFIO_GET_API_VERSION)
  kernel.ioctl(container, request.VFIO_CHECK_EXTENSION, 1)
  // no group is in it yet
  const info = encode(vfioIommuType1Info, { argsz: vfioIommuType1Info.size })
  expect(() => kernel.ioctl(container, request.VFIO_IOMMU_GET_INFO, info)).toThrow()
  const counter = kernel.eventfd(2)
  kernel.read(counter, new Uint8Array(8))
  kernel.close(counter)
  kernel.close(container)
  const lines = readFileSync(file, 'utf8')
    .replaceAll(/\b\d+</g, 'FD<')
    .replaceAll(/^((?:open|eventfd)\(.*\)) = \d+$/gm, '$1 = FD')
  expect(lines.split('\n').filter(Boolean)).toEqual([
    'open("/dev/vfio/vfio", rw) = FD',
    'ioctl(FD</dev/vfio/vfio>, VFIO_GET_API_VERSION) = 0',
    'ioctl(FD</dev/vfio/vfio>, VFIO_CHECK_EXTENSION, 1) = 1',
    `ioctl(FD</dev/vfio/vfio>, VFIO_IOMMU_GET_INFO, {argsz=${vfioIommuType1Info.size}}) = -1 EINVAL (invalid argument)`,
    'eventfd(2) = FD',
    `read(FD<eventfd>, 8) = 8 [${kernelOrder ? '02 00 00 00 00 00 00 00' : '00 00 00 00 00 00 00 02'}]`,
    'close(FD<eventfd>) = 0',
    'close(FD</dev/vfio/vfio>) = 0',
  ])
})
