/**
 * ioctl request numbers of linux/vfio.h, under the header's own names. All are `_IO(';', 100 + n)`: the number says
 * nothing of the struct's size, and the same number means different things on a container, a group and a device.
 */
export const request = {
  // container: /dev/vfio/vfio
  VFIO_GET_API_VERSION: 0x3b64,
  VFIO_CHECK_EXTENSION: 0x3b65,
  VFIO_SET_IOMMU: 0x3b66,
  VFIO_IOMMU_GET_INFO: 0x3b70,
  VFIO_IOMMU_MAP_DMA: 0x3b71,
  VFIO_IOMMU_UNMAP_DMA: 0x3b72,
  VFIO_IOMMU_DIRTY_PAGES: 0x3b75,
  // group: /dev/vfio/<number>
  VFIO_GROUP_GET_STATUS: 0x3b67,
  VFIO_GROUP_SET_CONTAINER: 0x3b68,
  VFIO_GROUP_UNSET_CONTAINER: 0x3b69,
  VFIO_GROUP_GET_DEVICE_FD: 0x3b6a,
  // device
  VFIO_DEVICE_GET_INFO: 0x3b6b,
  VFIO_DEVICE_GET_REGION_INFO: 0x3b6c,
  VFIO_DEVICE_GET_IRQ_INFO: 0x3b6d,
  VFIO_DEVICE_SET_IRQS: 0x3b6e,
  VFIO_DEVICE_RESET: 0x3b6f,
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: 0x3b70,
  VFIO_DEVICE_PCI_HOT_RESET: 0x3b71,
  VFIO_DEVICE_QUERY_GFX_PLANE: 0x3b72,
  VFIO_DEVICE_GET_GFX_DMABUF: 0x3b73,
  VFIO_DEVICE_IOEVENTFD: 0x3b74,
  VFIO_DEVICE_FEATURE: 0x3b75,
  VFIO_DEVICE_BIND_IOMMUFD: 0x3b76,
  VFIO_DEVICE_ATTACH_IOMMUFD_PT: 0x3b77,
  VFIO_DEVICE_DETACH_IOMMUFD_PT: 0x3b78,
  // migration data descriptor
  VFIO_MIG_GET_PRECOPY_INFO: 0x3b79,
} as const

/** Argument and result of an ioctl. */
export interface IoctlFacts {
  /**
   * A struct that begins with its own size (argsz), bytes of which the kernel only reads, a number by value, or
   * nothing.
   */
  readonly argument: 'struct' | 'bytes' | 'number' | 'none'
  /** Least bytes that the kernel reads of what is pointed at, whatever its size field says. */
  readonly minBytes: number
  /** Its result is a new descriptor. VFIO_DEVICE_FEATURE has some that make one too (kernel/descriptor-made.ts). */
  readonly makesDescriptor: boolean
}

const none: IoctlFacts = { argument: 'none', minBytes: 0, makesDescriptor: false }
const number: IoctlFacts = { argument: 'number', minBytes: 0, makesDescriptor: false }
const bytes = (minBytes: number, makesDescriptor = false): IoctlFacts => ({
  argument: 'bytes',
  minBytes,
  makesDescriptor,
})
const struct = (minBytes: number): IoctlFacts => ({ argument: 'struct', minBytes, makesDescriptor: false })

/** The facts of each, by its name: all that TypeScript knows of them beside their structs. */
export const ioctlFacts: Readonly<Record<keyof typeof request, IoctlFacts>> = {
  VFIO_GET_API_VERSION: none,
  VFIO_CHECK_EXTENSION: number,
  VFIO_SET_IOMMU: number,
  VFIO_IOMMU_GET_INFO: struct(16),
  VFIO_IOMMU_MAP_DMA: struct(32),
  VFIO_IOMMU_UNMAP_DMA: struct(24),
  VFIO_IOMMU_DIRTY_PAGES: struct(8),
  VFIO_GROUP_GET_STATUS: struct(8),
  VFIO_GROUP_SET_CONTAINER: bytes(4),
  VFIO_GROUP_UNSET_CONTAINER: none,
  VFIO_GROUP_GET_DEVICE_FD: bytes(1, true),
  VFIO_DEVICE_GET_INFO: struct(16),
  VFIO_DEVICE_GET_REGION_INFO: struct(32),
  VFIO_DEVICE_GET_IRQ_INFO: struct(16),
  VFIO_DEVICE_SET_IRQS: struct(20),
  VFIO_DEVICE_RESET: none,
  VFIO_DEVICE_GET_PCI_HOT_RESET_INFO: struct(12),
  VFIO_DEVICE_PCI_HOT_RESET: struct(12),
  VFIO_DEVICE_QUERY_GFX_PLANE: struct(24),
  VFIO_DEVICE_GET_GFX_DMABUF: bytes(4, true),
  VFIO_DEVICE_IOEVENTFD: struct(28),
  VFIO_DEVICE_FEATURE: struct(8),
  VFIO_DEVICE_BIND_IOMMUFD: struct(16),
  VFIO_DEVICE_ATTACH_IOMMUFD_PT: struct(12),
  VFIO_DEVICE_DETACH_IOMMUFD_PT: struct(8),
  VFIO_MIG_GET_PRECOPY_INFO: struct(24),
}

/**
 * By number, for calls of which the file is not known: if one means one thing on a device and another on a container,
 * the smaller minimum.
 */
const byNumber: ReadonlyMap<number, IoctlFacts> = factsByNumber()

function factsByNumber(): ReadonlyMap<number, IoctlFacts> {
  const found = new Map<number, IoctlFacts>()
  const facts = new Map(Object.entries(ioctlFacts))
  for (const [name, number] of Object.entries(request)) {
    const [known, its] = [found.get(number), facts.get(name)]
    if (its !== undefined && (known === undefined || its.minBytes < known.minBytes)) found.set(number, its)
  }
  return found
}

/** Least bytes that the kernel reads of an ioctl's argument; 0 for iommufd, which reads as much as its struct says. */
export function minBytesOf(number: number): number {
  return byNumber.get(number)?.minBytes ?? 0
}

/** True if the result of the ioctl of that number is a new descriptor. */
export function makesDescriptor(number: number): boolean {
  return byNumber.get(number)?.makesDescriptor ?? false
}
