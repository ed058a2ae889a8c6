import {
  dirtyPagesFlag,
  dmaMapFlag,
  dmaUnmapFlag,
  groupFlag,
  iommuInfoFlag,
  vfioGroupStatus,
  vfioIommuType1DirtyBitmap,
  vfioIommuType1DmaMap,
  vfioIommuType1DmaUnmap,
  vfioIommuType1Info,
} from '../../uapi/container.ts'
import {
  bindIommufdFlag,
  deviceFlag,
  vfioDeviceAttachIommufdPt,
  vfioDeviceBindIommufd,
  vfioDeviceDetachIommufdPt,
  vfioDeviceInfo,
} from '../../uapi/device.ts'
import {
  deviceFeatureFlag,
  deviceFeatures,
  gfxPlaneFlag,
  vfioDeviceFeature,
  vfioDeviceGfxPlaneInfo,
  vfioPrecopyInfo,
} from '../../uapi/features.ts'
import { vfioPciHotReset, vfioPciHotResetInfo } from '../../uapi/hot-reset.ts'
import {
  ioasMapFlag,
  iommuDestroy,
  iommufdRequest,
  iommuHwInfo,
  iommuHwptAlloc,
  iommuIoasAlloc,
  iommuIoasAllowIovas,
  iommuIoasCopy,
  iommuIoasIovaRanges,
  iommuIoasMap,
  iommuIoasMapFile,
  iommuIoasNoiommuGetPa,
  iommuIoasUnmap,
  iommuOption,
  iommuVfioIoas,
} from '../../uapi/iommufd.ts'
import { irqInfoFlag, irqSetFlag, vfioDeviceIoeventfd, vfioIrqInfo, vfioIrqSet } from '../../uapi/irq.ts'
import { regionFlag, vfioRegionInfo } from '../../uapi/region.ts'
import { request } from '../../uapi/requests.ts'
import type { Layout } from '../../uapi/struct.ts'

/** The kinds of descriptor: one number means different ioctls on different files. */
export type Opened = 'container' | 'group' | 'device' | 'iommufd' | 'other'

/** The form in which a trace shows one ioctl. */
export interface TracedIoctl {
  readonly name: string
  /** The struct that its argument points at; absent for none, a number, a string or a descriptor. */
  readonly layout?: Layout
  /** The bits of the field `flags`, by the header's names, and what those begin with. */
  readonly flags?: readonly [bits: Readonly<Record<string, number>>, prefix: string]
}

type Row = readonly [name: keyof typeof request, layout?: Layout, ...flags: NonNullable<TracedIoctl['flags']> | []]

const ofContainer: readonly Row[] = [
  ['VFIO_GET_API_VERSION'],
  ['VFIO_CHECK_EXTENSION'],
  ['VFIO_SET_IOMMU'],
  ['VFIO_IOMMU_GET_INFO', vfioIommuType1Info, iommuInfoFlag, 'VFIO_IOMMU_INFO_'],
  ['VFIO_IOMMU_MAP_DMA', vfioIommuType1DmaMap, dmaMapFlag, 'VFIO_DMA_MAP_FLAG_'],
  ['VFIO_IOMMU_UNMAP_DMA', vfioIommuType1DmaUnmap, dmaUnmapFlag, 'VFIO_DMA_UNMAP_FLAG_'],
  ['VFIO_IOMMU_DIRTY_PAGES', vfioIommuType1DirtyBitmap, dirtyPagesFlag, 'VFIO_IOMMU_DIRTY_PAGES_FLAG_'],
]
const ofGroup: readonly Row[] = [
  ['VFIO_GROUP_GET_STATUS', vfioGroupStatus, groupFlag, 'VFIO_GROUP_FLAGS_'],
  ['VFIO_GROUP_SET_CONTAINER'],
  ['VFIO_GROUP_UNSET_CONTAINER'],
  ['VFIO_GROUP_GET_DEVICE_FD'],
]
const ofDevice: readonly Row[] = [
  ['VFIO_DEVICE_GET_INFO', vfioDeviceInfo, deviceFlag, 'VFIO_DEVICE_FLAGS_'],
  ['VFIO_DEVICE_GET_REGION_INFO', vfioRegionInfo, regionFlag, 'VFIO_REGION_INFO_FLAG_'],
  ['VFIO_DEVICE_GET_IRQ_INFO', vfioIrqInfo, irqInfoFlag, 'VFIO_IRQ_INFO_'],
  ['VFIO_DEVICE_SET_IRQS', vfioIrqSet, irqSetFlag, 'VFIO_IRQ_SET_'],
  ['VFIO_DEVICE_RESET'],
  ['VFIO_DEVICE_GET_PCI_HOT_RESET_INFO', vfioPciHotResetInfo],
  ['VFIO_DEVICE_PCI_HOT_RESET', vfioPciHotReset],
  ['VFIO_DEVICE_QUERY_GFX_PLANE', vfioDeviceGfxPlaneInfo, gfxPlaneFlag, 'VFIO_GFX_PLANE_TYPE_'],
  ['VFIO_DEVICE_GET_GFX_DMABUF'],
  ['VFIO_DEVICE_IOEVENTFD', vfioDeviceIoeventfd],
  ['VFIO_DEVICE_FEATURE', vfioDeviceFeature, featureFlags(), 'VFIO_DEVICE_FEATURE_'],
  ['VFIO_DEVICE_BIND_IOMMUFD', vfioDeviceBindIommufd, bindIommufdFlag, 'VFIO_DEVICE_BIND_'],
  ['VFIO_DEVICE_ATTACH_IOMMUFD_PT', vfioDeviceAttachIommufdPt],
  ['VFIO_DEVICE_DETACH_IOMMUFD_PT', vfioDeviceDetachIommufdPt],
  ['VFIO_MIG_GET_PRECOPY_INFO', vfioPrecopyInfo],
]
const layoutsOfIommufd: Readonly<Record<keyof typeof iommufdRequest, Layout>> = {
  IOMMU_DESTROY: iommuDestroy,
  IOMMU_IOAS_ALLOC: iommuIoasAlloc,
  IOMMU_IOAS_ALLOW_IOVAS: iommuIoasAllowIovas,
  IOMMU_IOAS_COPY: iommuIoasCopy,
  IOMMU_IOAS_IOVA_RANGES: iommuIoasIovaRanges,
  IOMMU_IOAS_MAP: iommuIoasMap,
  IOMMU_IOAS_UNMAP: iommuIoasUnmap,
  IOMMU_IOAS_MAP_FILE: iommuIoasMapFile,
  IOMMU_OPTION: iommuOption,
  IOMMU_VFIO_IOAS: iommuVfioIoas,
  IOMMU_HWPT_ALLOC: iommuHwptAlloc,
  IOMMU_GET_HW_INFO: iommuHwInfo,
  IOMMU_IOAS_NOIOMMU_GET_PA: iommuIoasNoiommuGetPa,
}

/** The lower half of the flags is the feature's number, which stands as it is. */
function featureFlags(): Readonly<Record<string, number>> {
  const { VFIO_DEVICE_FEATURE_MASK: _, ...bits } = deviceFeatureFlag
  return bits
}

const tables: Readonly<Record<Opened, ReadonlyMap<number, TracedIoctl>>> = {
  container: tableOf(ofContainer),
  group: tableOf(ofGroup),
  device: tableOf(ofDevice),
  iommufd: new Map(
    Object.entries(layoutsOfIommufd).map(([name, layout]) => {
      const number = Object.entries(iommufdRequest).find(([its]) => its === name)?.[1] ?? 0
      const hasMapFlags = layout === iommuIoasMap || layout === iommuIoasMapFile || layout === iommuIoasCopy
      return [number, { name, layout, ...(hasMapFlags ? { flags: [ioasMapFlag, 'IOMMU_IOAS_MAP_'] as const } : {}) }]
    }),
  ),
  other: new Map(),
}

function tableOf(rows: readonly Row[]): ReadonlyMap<number, TracedIoctl> {
  return new Map(
    rows.map(([name, layout, bits, prefix]) => [
      request[name],
      {
        name,
        ...(layout === undefined ? {} : { layout }),
        ...(bits === undefined || prefix === undefined ? {} : { flags: [bits, prefix] }),
      },
    ]),
  )
}

/** The ioctl of that number on a file; null for one that is not known. */
export function tracedIoctl(opened: Opened, number: number): TracedIoctl | null {
  const found = tables[opened].get(number)
  if (found !== undefined || opened !== 'other') return found ?? null
  for (const table of [tables.device, tables.container, tables.group, tables.iommufd]) {
    const known = table.get(number)
    if (known !== undefined) return known
  }
  return null
}

/** The name of a feature by its number: 'migration'. */
export function featureName(id: number): string | null {
  return Object.entries(deviceFeatures).find(([, known]) => known.id === id)?.[0] ?? null
}
