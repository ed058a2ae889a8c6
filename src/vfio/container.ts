import { VfioError } from '../errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { extension, VFIO_API_VERSION } from '../uapi/container.ts'
import { request } from '../uapi/requests.ts'
import { orClose } from './close-in-order.ts'
import { Descriptor } from './descriptor.ts'
import { nodePermission } from './node-permission.ts'
import { attempt, type Reason } from './system-call.ts'

const containerPath = '/dev/vfio/vfio'

/** How a container translates a device's addresses. Containers of mediated devices alone take type1 as well. */
export type IommuType = 'type1v2' | 'type1'

const iommuExtension: Readonly<Record<IommuType, number>> = {
  type1v2: extension.VFIO_TYPE1v2_IOMMU,
  type1: extension.VFIO_TYPE1_IOMMU,
}

/** /dev/vfio/vfio: one address space, shared by the groups put into it. */
export class Container implements Disposable {
  readonly descriptor: Descriptor
  #iommuType: IommuType | null = null

  constructor(descriptor: Descriptor) {
    this.descriptor = descriptor
  }

  /** Null before `setIommu`. */
  get iommuType(): IommuType | null {
    return this.#iommuType
  }

  /** VFIO_CHECK_EXTENSION with a number of `extension` (uapi/container.ts). */
  hasExtension(number: number): boolean {
    return (
      attempt(`ask the container for extension ${number}`, () =>
        this.descriptor.ioctl(request.VFIO_CHECK_EXTENSION, number),
      ) > 0
    )
  }

  /** VFIO_SET_IOMMU: the newest type1 there is. Needs a group in the container, and works once. */
  setIommu(): IommuType {
    const type = (['type1v2', 'type1'] as const).find((candidate) => this.hasExtension(iommuExtension[candidate]))
    if (type === undefined) throw new VfioError('NOT_SUPPORTED', 'this kernel offers no type1 IOMMU', noType1)
    attempt(
      `set the container's IOMMU to ${type}`,
      () => this.descriptor.ioctl(request.VFIO_SET_IOMMU, iommuExtension[type]),
      {
        EPERM: () => ({
          code: 'PERMISSION_DENIED',
          because: 'the IOMMU does not isolate interrupts, and the kernel does not allow that',
          hint: 'echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts, if every guest is trusted',
        }),
        ENODEV: () => ({ code: 'NOT_SUPPORTED', because: 'no IOMMU driver takes this group', ...noType1 }),
      },
    )
    this.#iommuType = type
    return type
  }

  /** Idempotent. Groups still in it keep it alive in the kernel. */
  close(): void {
    this.descriptor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const noType1 = { hint: 'modprobe vfio_iommu_type1' } as const

/** Opens /dev/vfio/vfio. Throws NOT_FOUND where VFIO is not loaded, PERMISSION_DENIED, NOT_SUPPORTED. */
export function openContainer(kernel: Kernel): Container {
  const notLoaded = (): Reason => ({ code: 'NOT_FOUND', because: 'VFIO is not loaded', hint: 'modprobe vfio' })
  const fd = attempt('open a VFIO container', () => kernel.open(containerPath, 'rw'), {
    ENOENT: notLoaded,
    ENODEV: notLoaded,
    ENXIO: notLoaded,
    ...nodePermission(containerPath),
  })
  const descriptor = new Descriptor(kernel, fd, 'the container')
  return orClose([descriptor], () => {
    const version = attempt("ask for VFIO's version", () => descriptor.ioctl(request.VFIO_GET_API_VERSION))
    if (version !== VFIO_API_VERSION) {
      throw new VfioError('NOT_SUPPORTED', `this kernel's VFIO has API version ${version}, not ${VFIO_API_VERSION}`, {
        facts: { version, expected: VFIO_API_VERSION },
        path: containerPath,
      })
    }
    return new Container(descriptor)
  })
}
