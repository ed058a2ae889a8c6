import { VfioError } from '../../base/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { extension, VFIO_API_VERSION } from '../../uapi/container.ts'
import { request } from '../../uapi/requests.ts'
import { orClose } from '../calls/close-in-order.ts'
import { Descriptor } from '../calls/descriptor.ts'
import { attempt, type Reason } from '../calls/system-call.ts'
import { nodePermission } from './open-refusals.ts'

/** VFIO's own, or iommufd's, which speaks the same calls if it knows them. */
export type ContainerPath = '/dev/vfio/vfio' | '/dev/iommu'

/**
 * The ways in which a container translates a device's addresses. Containers of mediated devices alone take type1 as
 * well.
 */
export type IommuType = 'type1v2' | 'type1' | 'noiommu'

const iommuExtension: Readonly<Record<IommuType, number>> = {
  type1v2: extension.VFIO_TYPE1v2_IOMMU,
  type1: extension.VFIO_TYPE1_IOMMU,
  noiommu: extension.VFIO_NOIOMMU_IOMMU,
}

/** A container: one address space, shared by the groups put into it. */
export class Container implements Disposable {
  readonly descriptor: Descriptor

  constructor(descriptor: Descriptor) {
    this.descriptor = descriptor
  }

  /** VFIO_CHECK_EXTENSION with a number of `extension` (uapi/container.ts). */
  hasExtension(number: number): boolean {
    return (
      attempt(`ask the container for extension ${number}`, () =>
        this.descriptor.ioctl(request.VFIO_CHECK_EXTENSION, number),
      ) > 0
    )
  }

  /** The first of these that the kernel has. Throws NOT_SUPPORTED if it has none. */
  offered<T extends IommuType>(types: readonly T[]): T {
    const type = types.find((candidate) => this.hasExtension(iommuExtension[candidate]))
    if (type !== undefined) return type
    throw new VfioError('NOT_SUPPORTED', `this kernel offers no ${types.at(-1)} IOMMU`, {
      hint: types.some((asked) => asked === 'noiommu') ? noNoiommu : noType1,
    })
  }

  /** VFIO_SET_IOMMU. Needs a group in the container, and works once until the last group leaves. */
  setIommu(type: IommuType): void {
    attempt(
      `set the container's IOMMU to ${type}`,
      () => this.descriptor.ioctl(request.VFIO_SET_IOMMU, iommuExtension[type]),
      {
        EPERM: () => ({
          code: 'PERMISSION_DENIED',
          because: 'the IOMMU does not isolate interrupts, and the kernel does not allow that',
          hint: 'echo 1 > /sys/module/vfio_iommu_type1/parameters/allow_unsafe_interrupts, if every guest is trusted',
        }),
        ENODEV: () => ({
          code: 'NOT_SUPPORTED',
          because: 'no IOMMU driver takes this group',
          hint: type === 'noiommu' ? noNoiommu : noType1,
        }),
      },
    )
  }

  /** Idempotent. Groups still in it keep it alive in the kernel. */
  close(): void {
    this.descriptor.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}

const noType1 = 'modprobe vfio_iommu_type1'
const noNoiommu =
  'echo Y > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode, before binding, if nothing is trusted to it'

/**
 * Opens a container. Throws NOT_FOUND if VFIO is not loaded, PERMISSION_DENIED; NOT_SUPPORTED if it is iommufd that
 * is not there.
 */
export function openContainer(kernel: Kernel, containerPath: ContainerPath = '/dev/vfio/vfio'): Container {
  const notLoaded = (): Reason =>
    containerPath === '/dev/iommu'
      ? { code: 'NOT_SUPPORTED', because: 'this kernel has no iommufd, or it is not loaded', hint: 'modprobe iommufd' }
      : { code: 'NOT_FOUND', because: 'VFIO is not loaded', hint: 'modprobe vfio' }
  const fd = attempt('open a VFIO container', () => kernel.open(containerPath, 'rw'), {
    ENOENT: notLoaded,
    ENODEV: notLoaded,
    ENXIO: notLoaded,
    ...nodePermission(containerPath),
  })
  return containerOf(new Descriptor(kernel, fd, 'the container'), containerPath)
}

/** A container that is open, once it is known to speak as we do; closed if not. NOT_SUPPORTED then. */
export function containerOf(descriptor: Descriptor, containerPath: ContainerPath): Container {
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
