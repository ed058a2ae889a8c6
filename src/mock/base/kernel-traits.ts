/** Bytes of a page of memory, as kernels are built: 4 KiB everywhere, 16 or 64 KiB on arm64 too. */
export const pageSizes = [4096, 16384, 65536] as const

/** Bytes of a page of a simulated machine. */
export type PageSize = (typeof pageSizes)[number]

/** Bytes that every kernel's page size is a multiple of. */
export const smallestPage: PageSize = 4096

/** The kernels that the mock can be, by the name a scenario gives. */
export type KernelVersion = '6.1' | '6.12' | '6.19' | '7'

/**
 * The differences between these kernels, each as the kernel of that name that the test suite boots; 6.19, which it does
 * not boot, by the Linux that brought a trait, which stands with it.
 */
export interface KernelTraits {
  /** Kernel release, as `uname -r` prints it. */
  readonly release: string
  /** Bytes of a page of memory: what the scenario says, on any of them. */
  readonly pageSize: PageSize
  /** Errno of VFIO_GROUP_SET_CONTAINER for a file that is no container or iommufd; EBADFD since 6.2. */
  readonly foreignContainer: 'EINVAL' | 'EBADFD'
  /** VFIO_TYPE1_NESTING_IOMMU is a type that a container takes; up to 6.12. */
  readonly type1Nests: boolean
  /** Errno of type1 for a range past the end of 64 bits; EOVERFLOW since 6.19. */
  readonly type1Wrap: 'EINVAL' | 'EOVERFLOW'
  /** A device that is being taken away cannot be opened any more, and has no node and no vfio-dev folder; 6.6. */
  readonly hidesLeaving: boolean
  /** VFIO_IOMMU_GET_INFO and VFIO_DEVICE_GET_INFO fill in as much of their struct as the caller has; 6.6. */
  readonly copiesInfoWhole: boolean
  /**
   * A group's `type` can be changed while drivers that leave DMA alone have its devices, however many they are; 6.5.
   */
  readonly retypesAttended: boolean
  /** Bits of each number in `new_id` that are compared with the ids a driver takes already; all in 7. */
  readonly newIdBits: 16 | 32
  /** Most names that `reset_method` takes: one for each way there is; CXL's came with 6.12. */
  readonly resetMethods: 6 | 7
  /** Each capability of an answer begins at a multiple of 8 bytes, and the whole ends at one; 6.6. */
  readonly alignsCapabilities: boolean
  /** vfio-pci reads and writes 8 bytes in one access; 6.10. */
  readonly trapsQuadwords: boolean
  /** vfio-pci adds vectors to an MSI-X that is enabled, which is not NORESIZE then; 6.5. */
  readonly msixGrows: boolean
  /** vfio-pci has the irq index err of conventional devices too; after 6.12. */
  readonly hasErrOfAll: boolean
  /** mtty masks INTx, and refuses what it does not do with an interrupt; 6.7. */
  readonly mttyMasks: boolean
  /** mtty migrates, and takes what logs DMA; 6.7. */
  readonly mttyMigrates: boolean
  /**
   * VFIO_DEVICE_FEATURE_DMA_LOGGING_REPORT, which a kernel built without iommufd (Debian's 6.12) takes and cannot do.
   */
  readonly reportsDmaLog: boolean
  /** A driver that pre-copies takes VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2; 7.1. */
  readonly hasPrecopyInfoV2: boolean
  /**
   * The core puts together what a driver says of a region; 7. Each driver did so itself before, mbochs in its own way.
   */
  readonly coreDescribesRegions: boolean
  /** vfio-pci makes dma-bufs of BARs, and iommufd maps files; 6.19 and 6.13, as far as the kernel is built for it. */
  readonly makesDmaBufs: boolean
  /** /proc/PID/fdinfo names the device behind a descriptor; 6.18. */
  readonly tellsOpenDevice: boolean
  /** The firmware's framebuffer is below the device whose memory it is in, not below /sys/devices/platform; 6.9. */
  readonly framebufferBelowDevice: boolean
  /** Interrupts of vfio-ap: none, req, then cfg-chg too; after 6.1, after 6.12. */
  readonly vfioApIrqs: 0 | 1 | 2
  /** Errno of vfio_ap for a queue of another device; with `hasApConfig`, a matrix can be written as a whole (6.10). */
  readonly apqnTaken: 'EADDRINUSE' | 'EBUSY'
  readonly hasApConfig: boolean
  /**
   * Shares of Intel's GPUs in sysfs (drivers/gpu/drm/xe/xe_sriov_pf_sysfs.c): none, of time since 6.19, of VRAM too
   * since 7.1.
   */
  readonly xeShares: 'none' | 'time' | 'vram'
}

const linux7: Omit<KernelTraits, 'pageSize'> = {
  release: '7.3.0',
  foreignContainer: 'EBADFD',
  type1Nests: false,
  type1Wrap: 'EOVERFLOW',
  hidesLeaving: true,
  copiesInfoWhole: true,
  retypesAttended: true,
  newIdBits: 32,
  resetMethods: 7,
  alignsCapabilities: true,
  trapsQuadwords: true,
  msixGrows: true,
  hasErrOfAll: true,
  mttyMasks: true,
  mttyMigrates: true,
  reportsDmaLog: true,
  hasPrecopyInfoV2: true,
  coreDescribesRegions: true,
  makesDmaBufs: true,
  tellsOpenDevice: true,
  framebufferBelowDevice: true,
  vfioApIrqs: 2,
  apqnTaken: 'EBUSY',
  hasApConfig: true,
  xeShares: 'vram',
}

const traits: Readonly<Record<KernelVersion, Omit<KernelTraits, 'pageSize'>>> = {
  '6.1': {
    release: '6.1.0',
    foreignContainer: 'EINVAL',
    type1Nests: true,
    type1Wrap: 'EINVAL',
    hidesLeaving: false,
    copiesInfoWhole: false,
    retypesAttended: false,
    newIdBits: 16,
    resetMethods: 6,
    alignsCapabilities: false,
    trapsQuadwords: false,
    msixGrows: false,
    hasErrOfAll: false,
    mttyMasks: false,
    mttyMigrates: false,
    reportsDmaLog: false,
    hasPrecopyInfoV2: false,
    coreDescribesRegions: false,
    makesDmaBufs: false,
    tellsOpenDevice: false,
    framebufferBelowDevice: false,
    vfioApIrqs: 0,
    apqnTaken: 'EADDRINUSE',
    hasApConfig: false,
    xeShares: 'none',
  },
  '6.12': {
    release: '6.12.0',
    foreignContainer: 'EBADFD',
    type1Nests: true,
    type1Wrap: 'EINVAL',
    hidesLeaving: true,
    copiesInfoWhole: true,
    retypesAttended: true,
    newIdBits: 16,
    resetMethods: 7,
    alignsCapabilities: true,
    trapsQuadwords: true,
    msixGrows: true,
    hasErrOfAll: false,
    mttyMasks: true,
    mttyMigrates: true,
    reportsDmaLog: false,
    hasPrecopyInfoV2: false,
    coreDescribesRegions: false,
    makesDmaBufs: false,
    tellsOpenDevice: false,
    framebufferBelowDevice: true,
    vfioApIrqs: 1,
    apqnTaken: 'EBUSY',
    hasApConfig: true,
    xeShares: 'none',
  },
  '6.19': {
    ...linux7,
    release: '6.19.0',
    newIdBits: 16,
    hasPrecopyInfoV2: false,
    coreDescribesRegions: false,
    xeShares: 'time',
  },
  '7': linux7,
}

/** Of the kernel that a scenario names; 6.1 with pages of 4 KiB if it names none. */
export function kernelTraits({
  kernel = '6.1',
  pageSize = smallestPage,
}: {
  readonly kernel?: KernelVersion
  readonly pageSize?: PageSize
}): KernelTraits {
  return { ...traits[kernel], pageSize }
}
