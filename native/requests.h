// The ioctls that pass: every one of linux/vfio.h and linux/iommufd.h, by number. The numbers carry no size, and
// 0x3b70-0x3b79 mean one thing on a device and another on a container, so a minimum is the smaller of the two; the
// kernel writes no more than `argsz`, the struct's first u32, which the caller's buffer is measured against.
#pragma once

#include <cstdint>

namespace vfioctl {

enum Argument : uint8_t {
  kNothing = 1,  // no argument
  kValue = 2,    // an int, by value
  kPlain = 4,    // a pointer to `minimum` bytes
  kSized = 8,    // a pointer to a struct that starts with its own size
  kText = 16,    // a pointer to a string that ends in NUL
};

struct Request {
  uint32_t number;
  uint8_t takes;
  uint8_t minimum;
};

inline constexpr uint32_t kGroupGetDeviceFd = 0x3b6a;
inline constexpr uint32_t kDeviceGetGfxDmabuf = 0x3b73;
inline constexpr uint32_t kDeviceFeature = 0x3b75;

inline constexpr Request kRequests[] = {
    {0x3b64, kNothing, 0},                      // GET_API_VERSION
    {0x3b65, kValue, 0},                        // CHECK_EXTENSION
    {0x3b66, kValue, 0},                        // SET_IOMMU
    {0x3b67, kSized, 8},                        // GROUP_GET_STATUS
    {0x3b68, kPlain, 4},                        // GROUP_SET_CONTAINER
    {0x3b69, kNothing, 0},                      // GROUP_UNSET_CONTAINER
    {kGroupGetDeviceFd, kText, 1},              // GROUP_GET_DEVICE_FD
    {0x3b6b, kSized, 16},                       // DEVICE_GET_INFO
    {0x3b6c, kSized, 32},                       // DEVICE_GET_REGION_INFO
    {0x3b6d, kSized, 16},                       // DEVICE_GET_IRQ_INFO
    {0x3b6e, kSized, 20},                       // DEVICE_SET_IRQS
    {0x3b6f, kNothing, 0},                      // DEVICE_RESET
    {0x3b70, kSized, 12},                       // DEVICE_GET_PCI_HOT_RESET_INFO, IOMMU_GET_INFO
    {0x3b71, kSized, 12},                       // DEVICE_PCI_HOT_RESET, IOMMU_MAP_DMA
    {0x3b72, kSized, 24},                       // DEVICE_QUERY_GFX_PLANE, IOMMU_UNMAP_DMA
    {kDeviceGetGfxDmabuf, kPlain | kNothing, 4},  // DEVICE_GET_GFX_DMABUF, IOMMU_ENABLE
    {0x3b74, kSized | kNothing, 28},            // DEVICE_IOEVENTFD, IOMMU_DISABLE
    {kDeviceFeature, kSized, 8},                // DEVICE_FEATURE, IOMMU_DIRTY_PAGES
    {0x3b76, kSized, 16},                       // DEVICE_BIND_IOMMUFD, IOMMU_SPAPR_UNREGISTER_MEMORY
    {0x3b77, kSized, 12},                       // DEVICE_ATTACH_IOMMUFD_PT, IOMMU_SPAPR_TCE_CREATE
    {0x3b78, kSized, 8},                        // DEVICE_DETACH_IOMMUFD_PT, IOMMU_SPAPR_TCE_REMOVE
    {0x3b79, kSized, 12},                       // MIG_GET_PRECOPY_INFO, EEH_PE_OP
    {0x3b80, kSized, 8},                        // IOMMU_DESTROY
    {0x3b81, kSized, 12},                       // IOMMU_IOAS_ALLOC
    {0x3b82, kSized, 24},                       // IOMMU_IOAS_ALLOW_IOVAS
    {0x3b83, kSized, 40},                       // IOMMU_IOAS_COPY
    {0x3b84, kSized, 32},                       // IOMMU_IOAS_IOVA_RANGES
    {0x3b85, kSized, 40},                       // IOMMU_IOAS_MAP
    {0x3b86, kSized, 24},                       // IOMMU_IOAS_UNMAP
    {0x3b87, kSized, 24},                       // IOMMU_OPTION
    {0x3b88, kSized, 12},                       // IOMMU_VFIO_IOAS
    {0x3b89, kSized, 24},                       // IOMMU_HWPT_ALLOC
    {0x3b8a, kSized, 32},                       // IOMMU_GET_HW_INFO
    {0x3b8b, kSized, 16},                       // IOMMU_HWPT_SET_DIRTY_TRACKING
    {0x3b8c, kSized, 48},                       // IOMMU_HWPT_GET_DIRTY_BITMAP
    {0x3b8d, kSized, 32},                       // IOMMU_HWPT_INVALIDATE
    {0x3b8e, kSized, 16},                       // IOMMU_FAULT_QUEUE_ALLOC
    {0x3b8f, kSized, 40},                       // IOMMU_IOAS_MAP_FILE
    {0x3b90, kSized, 24},                       // IOMMU_VIOMMU_ALLOC
    {0x3b91, kSized, 24},                       // IOMMU_VDEVICE_ALLOC
    {0x3b92, kSized, 8},                        // IOMMU_IOAS_CHANGE_PROCESS
    {0x3b93, kSized, 32},                       // IOMMU_VEVENTQ_ALLOC
    {0x3b94, kSized, 40},                       // IOMMU_HW_QUEUE_ALLOC
    {0x3b95, kSized, 40},                       // IOMMU_IOAS_NOIOMMU_GET_PA
};

constexpr const Request* FindRequest(uint64_t number) {
  for (const Request& request : kRequests) {
    if (request.number == number) return &request;
  }
  return nullptr;
}

}  // namespace vfioctl
