/**
 * linux/iommufd.h, as far as address spaces go. Each struct begins with its own size; what the kernel does not know of
 * a longer one must be zero (E2BIG).
 */
export const iommufdRequest = {
  IOMMU_DESTROY: 0x3b80,
  IOMMU_IOAS_ALLOC: 0x3b81,
  IOMMU_IOAS_ALLOW_IOVAS: 0x3b82,
  IOMMU_IOAS_COPY: 0x3b83,
  IOMMU_IOAS_IOVA_RANGES: 0x3b84,
  IOMMU_IOAS_MAP: 0x3b85,
  IOMMU_IOAS_UNMAP: 0x3b86,
  IOMMU_IOAS_MAP_FILE: 0x3b8f,
  IOMMU_OPTION: 0x3b87,
  IOMMU_VFIO_IOAS: 0x3b88,
  IOMMU_HWPT_ALLOC: 0x3b89,
  IOMMU_GET_HW_INFO: 0x3b8a,
  IOMMU_IOAS_NOIOMMU_GET_PA: 0x3b95,
} as const

/** struct iommu_destroy, of IOMMU_DESTROY. */
export const iommuDestroy = {
  name: 'iommu_destroy',
  size: 8,
  fields: { size: [0, 'u32'], id: [4, 'u32'] },
} as const

/** struct iommu_ioas_alloc, of IOMMU_IOAS_ALLOC. */
export const iommuIoasAlloc = {
  name: 'iommu_ioas_alloc',
  size: 12,
  fields: { size: [0, 'u32'], flags: [4, 'u32'], out_ioas_id: [8, 'u32'] },
} as const

/** struct iommu_iova_range; both ends inclusive. */
export const iommuIovaRange = {
  name: 'iommu_iova_range',
  size: 16,
  fields: { start: [0, 'u64'], last: [8, 'u64'] },
} as const

/** struct iommu_ioas_iova_ranges, of IOMMU_IOAS_IOVA_RANGES; EMSGSIZE with the true num_iovas if the array is short. */
export const iommuIoasIovaRanges = {
  name: 'iommu_ioas_iova_ranges',
  size: 32,
  fields: {
    size: [0, 'u32'],
    ioas_id: [4, 'u32'],
    num_iovas: [8, 'u32'],
    __reserved: [12, 'u32'],
    allowed_iovas: [16, 'u64'],
    out_iova_alignment: [24, 'u64'],
  },
} as const

/** struct iommu_ioas_allow_iovas, of IOMMU_IOAS_ALLOW_IOVAS. */
export const iommuIoasAllowIovas = {
  name: 'iommu_ioas_allow_iovas',
  size: 24,
  fields: {
    size: [0, 'u32'],
    ioas_id: [4, 'u32'],
    num_iovas: [8, 'u32'],
    __reserved: [12, 'u32'],
    allowed_iovas: [16, 'u64'],
  },
} as const

/** struct iommu_ioas_map, of IOMMU_IOAS_MAP. */
export const iommuIoasMap = {
  name: 'iommu_ioas_map',
  size: 40,
  fields: {
    size: [0, 'u32'],
    flags: [4, 'u32'],
    ioas_id: [8, 'u32'],
    __reserved: [12, 'u32'],
    user_va: [16, 'u64'],
    length: [24, 'u64'],
    iova: [32, 'u64'],
  },
} as const

/**
 * struct iommu_ioas_map_file, of IOMMU_IOAS_MAP_FILE: a memfd or a device's dma-buf; flags are those of IOMMU_IOAS_MAP.
 */
export const iommuIoasMapFile = {
  name: 'iommu_ioas_map_file',
  size: 40,
  fields: {
    size: [0, 'u32'],
    flags: [4, 'u32'],
    ioas_id: [8, 'u32'],
    fd: [12, 's32'],
    start: [16, 'u64'],
    length: [24, 'u64'],
    iova: [32, 'u64'],
  },
} as const

/** READABLE and WRITEABLE are what the device may do; without FIXED_IOVA the kernel chooses. */
export const ioasMapFlag = {
  IOMMU_IOAS_MAP_FIXED_IOVA: 0x1,
  IOMMU_IOAS_MAP_WRITEABLE: 0x2,
  IOMMU_IOAS_MAP_READABLE: 0x4,
} as const

/** struct iommu_ioas_copy, of IOMMU_IOAS_COPY: flags are those of IOMMU_IOAS_MAP. */
export const iommuIoasCopy = {
  name: 'iommu_ioas_copy',
  size: 40,
  fields: {
    size: [0, 'u32'],
    flags: [4, 'u32'],
    dst_ioas_id: [8, 'u32'],
    src_ioas_id: [12, 'u32'],
    length: [16, 'u64'],
    dst_iova: [24, 'u64'],
    src_iova: [32, 'u64'],
  },
} as const

/** struct iommu_ioas_unmap, of IOMMU_IOAS_UNMAP; the kernel writes the bytes unmapped into `length`. */
export const iommuIoasUnmap = {
  name: 'iommu_ioas_unmap',
  size: 24,
  fields: { size: [0, 'u32'], ioas_id: [4, 'u32'], iova: [8, 'u64'], length: [16, 'u64'] },
} as const

/** struct iommu_option, of IOMMU_OPTION: one of an object, or of iommufd as a whole if `object_id` is 0. */
export const iommuOption = {
  name: 'iommu_option',
  size: 24,
  fields: {
    size: [0, 'u32'],
    option_id: [4, 'u32'],
    op: [8, 'u16'],
    __reserved: [10, 'u16'],
    object_id: [12, 'u32'],
    val64: [16, 'u64'],
  },
} as const

/** enum iommufd_option. */
export const iommuOptionId = {
  IOMMU_OPTION_RLIMIT_MODE: 0,
  IOMMU_OPTION_HUGE_PAGES: 1,
} as const

/** enum iommufd_option_ops. */
export const iommuOptionOp = {
  IOMMU_OPTION_OP_SET: 0,
  IOMMU_OPTION_OP_GET: 1,
} as const

/** struct iommu_vfio_ioas, of IOMMU_VFIO_IOAS: the IOAS behind the calls of a container. */
export const iommuVfioIoas = {
  name: 'iommu_vfio_ioas',
  size: 12,
  fields: { size: [0, 'u32'], ioas_id: [4, 'u32'], op: [8, 'u16'], __reserved: [10, 'u16'] },
} as const

/** enum iommufd_vfio_ioas_op. */
export const iommuVfioIoasOp = {
  IOMMU_VFIO_IOAS_GET: 0,
  IOMMU_VFIO_IOAS_SET: 1,
  IOMMU_VFIO_IOAS_CLEAR: 2,
} as const

/** struct iommu_hwpt_alloc, of IOMMU_HWPT_ALLOC, up to what page tables of no special kind take. */
export const iommuHwptAlloc = {
  name: 'iommu_hwpt_alloc',
  size: 48,
  fields: {
    size: [0, 'u32'],
    flags: [4, 'u32'],
    dev_id: [8, 'u32'],
    pt_id: [12, 'u32'],
    out_hwpt_id: [16, 'u32'],
    __reserved: [20, 'u32'],
    data_type: [24, 'u32'],
    data_len: [28, 'u32'],
    data_uptr: [32, 'u64'],
    fault_id: [40, 'u32'],
    __reserved2: [44, 'u32'],
  },
} as const

/** struct iommu_ioas_noiommu_get_pa, of IOMMU_IOAS_NOIOMMU_GET_PA; `length` in: at most, out: contiguous bytes. */
export const iommuIoasNoiommuGetPa = {
  name: 'iommu_ioas_noiommu_get_pa',
  size: 40,
  fields: {
    size: [0, 'u32'],
    flags: [4, 'u32'],
    ioas_id: [8, 'u32'],
    __reserved: [12, 'u32'],
    iova: [16, 'u64'],
    length: [24, 'u64'],
    out_phys: [32, 'u64'],
  },
} as const

/**
 * struct iommu_hw_info, of IOMMU_GET_HW_INFO: what stands behind `data_uptr` is of the type that is answered, and
 * `data_len` in: the room there, out: the bytes that the kernel has.
 */
export const iommuHwInfo = {
  name: 'iommu_hw_info',
  size: 40,
  fields: {
    size: [0, 'u32'],
    flags: [4, 'u32'],
    dev_id: [8, 'u32'],
    data_len: [12, 'u32'],
    data_uptr: [16, 'u64'],
    out_data_type: [24, 'u32'],
    out_max_pasid_log2: [28, 'u8'],
    out_capabilities: [32, 'u64'],
  },
} as const

/** Of struct iommu_hw_info. */
export const iommuHwInfoType = {
  IOMMU_HW_INFO_TYPE_NONE: 0,
  IOMMU_HW_INFO_TYPE_INTEL_VTD: 1,
} as const

/** struct iommu_hw_info_vtd: what an Intel IOMMU says of itself. */
export const iommuHwInfoVtd = {
  name: 'iommu_hw_info_vtd',
  size: 24,
  fields: { flags: [0, 'u32'], __reserved: [4, 'u32'], cap_reg: [8, 'u64'], ecap_reg: [16, 'u64'] },
} as const
