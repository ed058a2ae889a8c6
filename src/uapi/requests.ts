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

/**
 * How many bytes the kernel reads at least of what each of them points at, whatever its size field says. Where a number
 * means one thing on a device and another on a container, of the smaller. iommufd reads as much as its struct says.
 */
export const minBytes: Readonly<Record<number, number>> = {
  [request.VFIO_GROUP_GET_STATUS]: 8,
  [request.VFIO_GROUP_SET_CONTAINER]: 4,
  [request.VFIO_GROUP_GET_DEVICE_FD]: 1,
  [request.VFIO_DEVICE_GET_INFO]: 16,
  [request.VFIO_DEVICE_GET_REGION_INFO]: 32,
  [request.VFIO_DEVICE_GET_IRQ_INFO]: 16,
  [request.VFIO_DEVICE_SET_IRQS]: 20,
  [request.VFIO_DEVICE_GET_PCI_HOT_RESET_INFO]: 12,
  [request.VFIO_DEVICE_PCI_HOT_RESET]: 12,
  [request.VFIO_DEVICE_QUERY_GFX_PLANE]: 24,
  [request.VFIO_DEVICE_GET_GFX_DMABUF]: 4,
  [request.VFIO_DEVICE_IOEVENTFD]: 28,
  [request.VFIO_DEVICE_FEATURE]: 8,
  [request.VFIO_DEVICE_BIND_IOMMUFD]: 16,
  [request.VFIO_DEVICE_ATTACH_IOMMUFD_PT]: 12,
  [request.VFIO_DEVICE_DETACH_IOMMUFD_PT]: 8,
  [request.VFIO_MIG_GET_PRECOPY_INFO]: 24,
}
