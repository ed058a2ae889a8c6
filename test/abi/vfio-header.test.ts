import { existsSync, readdirSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import * as ccw from '../../src/uapi/ccw/regions.ts'
import * as container from '../../src/uapi/container.ts'
import * as device from '../../src/uapi/device.ts'
import * as features from '../../src/uapi/features.ts'
import * as hotReset from '../../src/uapi/hot-reset.ts'
import * as iommufd from '../../src/uapi/iommufd.ts'
import * as irq from '../../src/uapi/irq.ts'
import {
  capabilityBit,
  capabilityIds,
  capabilityRegister,
  commandBit,
  configHeader,
  extendedCapabilityIds,
  statusBit,
} from '../../src/uapi/pci.ts'
import * as region from '../../src/uapi/region.ts'
import { request } from '../../src/uapi/requests.ts'
import type { Layout } from '../../src/uapi/struct.ts'
import * as struct from '../../src/uapi/struct.ts'
import { findCompiler, preprocess, runC } from './c-program.ts'

const numbers: Readonly<Record<string, number>> = {
  ...request,
  VFIO_API_VERSION: container.VFIO_API_VERSION,
  ...container.extension,
  ...container.groupFlag,
  ...device.deviceFlag,
  ...device.deviceCapability,
  ...device.atomicCompleterFlag,
  ...features.deviceFeatureFlag,
  ...device.bindIommufdFlag,
  ...hotReset.hotResetFlag,
  ...Object.fromEntries(Object.values(features.deviceFeatures).map(({ macro, id }) => [macro, id])),
  ...region.regionFlag,
  ...region.regionCapability,
  ...irq.irqInfoFlag,
  ...irq.irqSetFlag,
  ...features.deviceState,
  ...features.migrationFlag,
  ...features.gfxPlaneFlag,
  ...features.gfxRegion,
  ...features.gfxLinkState,
  ...irq.ioeventfdFlag,
  ...container.iommuInfoFlag,
  ...container.dmaMapFlag,
  ...container.dmaUnmapFlag,
  ...container.type1Capability,
  ...container.dirtyPagesFlag,
  ...iommufd.iommufdRequest,
  ...iommufd.ioasMapFlag,
  ...iommufd.iommuOptionId,
  ...iommufd.iommuOptionOp,
  ...iommufd.iommuVfioIoasOp,
  ...iommufd.iommuHwInfoType,
  ...region.pciRegionIndex,
  ...region.pciIrqIndex,
  ...region.ccwRegionIndex,
  ...region.ccwIrqIndex,
  ...region.apIrqIndex,
  ...ccw.ccwRegionType,
  ...ccw.ccwAsyncCommand,
  ORB_AREA_SIZE: ccw.ccwIoArea.orb.size,
  SCSW_AREA_SIZE: ccw.ccwIoArea.scsw.size,
  IRB_AREA_SIZE: ccw.ccwIoArea.irb.size,
  SCHIB_AREA_SIZE: ccw.ccwSchibRegionSize,
  ...commandBit,
  ...statusBit,
  ...capabilityRegister,
  ...capabilityBit,
  ...Object.fromEntries(
    [...Object.values(capabilityIds), ...Object.values(extendedCapabilityIds)].map(({ macro, id }) => [macro, id]),
  ),
  ...Object.fromEntries(Object.values(configHeader).map(({ macro, offset }) => [macro, offset])),
}

const layouts: readonly Layout[] = [
  container.vfioGroupStatus,
  struct.vfioInfoCapHeader,
  device.vfioDeviceInfo,
  device.vfioDeviceInfoCapPciAtomicComp,
  features.vfioDeviceFeature,
  features.vfioDeviceLowPowerEntryWithWakeup,
  features.vfioDeviceFeatureDmaBuf,
  features.vfioRegionDmaRange,
  ccw.ccwIoRegion,
  ccw.ccwCmdRegion,
  ccw.ccwCrwRegion,
  region.vfioRegionInfo,
  region.vfioRegionInfoCapSparseMmap,
  region.vfioRegionSparseMmapArea,
  region.vfioRegionInfoCapType,
  irq.vfioIrqInfo,
  irq.vfioIrqSet,
  features.vfioDeviceFeatureDmaLoggingControl,
  features.vfioDeviceFeatureDmaLoggingRange,
  features.vfioDeviceFeatureDmaLoggingReport,
  features.vfioDeviceFeatureMigration,
  features.vfioDeviceFeatureMigState,
  features.vfioDeviceFeatureMigDataSize,
  features.vfioPrecopyInfo,
  features.vfioDeviceGfxPlaneInfo,
  features.vfioRegionGfxEdid,
  irq.vfioDeviceIoeventfd,
  container.vfioIommuType1Info,
  container.vfioIommuType1DmaMap,
  container.vfioIommuType1DmaUnmap,
  container.vfioIommuType1InfoCapIovaRange,
  container.vfioIovaRange,
  container.vfioIommuType1InfoDmaAvail,
  container.vfioBitmap,
  container.vfioIommuType1DirtyBitmap,
  container.vfioIommuType1DirtyBitmapGet,
  device.vfioDeviceBindIommufd,
  device.vfioDeviceAttachIommufdPt,
  device.vfioDeviceDetachIommufdPt,
  hotReset.vfioPciHotResetInfo,
  hotReset.vfioPciDependentDevice,
  hotReset.vfioPciHotReset,
  iommufd.iommuDestroy,
  iommufd.iommuIoasAlloc,
  iommufd.iommuIovaRange,
  iommufd.iommuIoasIovaRanges,
  iommufd.iommuIoasAllowIovas,
  iommufd.iommuIoasMap,
  iommufd.iommuIoasMapFile,
  iommufd.iommuIoasCopy,
  iommufd.iommuIoasUnmap,
  iommufd.iommuOption,
  iommufd.iommuVfioIoas,
  iommufd.iommuHwptAlloc,
  iommufd.iommuHwInfo,
  iommufd.iommuHwInfoVtd,
  iommufd.iommuIoasNoiommuGetPa,
]

/** Newer than Linux 6.1, or gone again: what a header need not have. Everything else must be there. */
const optional = new Set([
  'VFIO_DEVICE_FLAGS_CDX',
  'VFIO_DEVICE_INFO_CAP_PCI_ATOMIC_COMP',
  'VFIO_PCI_ATOMIC_COMP32',
  'VFIO_PCI_ATOMIC_COMP64',
  'VFIO_PCI_ATOMIC_COMP128',
  ...Object.values(features.deviceFeatures)
    .filter(({ id }) => id > features.deviceFeatures['dma-logging-report'].id)
    .map(({ macro }) => macro),
  'VFIO_DEVICE_BIND_IOMMUFD',
  ...Object.keys(device.bindIommufdFlag),
  ...Object.keys(hotReset.hotResetFlag),
  'VFIO_DEVICE_ATTACH_IOMMUFD_PT',
  'VFIO_DEVICE_DETACH_IOMMUFD_PT',
  'VFIO_MIG_GET_PRECOPY_INFO',
  'VFIO_DEVICE_STATE_PRE_COPY',
  'VFIO_DEVICE_STATE_PRE_COPY_P2P',
  'VFIO_MIGRATION_PRE_COPY',
  'vfio_device_feature_mig_data_size',
  'vfio_precopy_info',
  'VFIO_AP_REQ_IRQ_INDEX',
  'VFIO_AP_CFG_CHG_IRQ_INDEX',
  'VFIO_TYPE1_NESTING_IOMMU',
  'PCI_EXT_CAP_ID_VF_REBAR',
  'PCI_EXT_CAP_ID_PL_32GT',
  'vfio_device_info_cap_pci_atomic_comp',
  'vfio_device_bind_iommufd',
  'vfio_device_feature_dma_buf',
  'vfio_region_dma_range',
  'vfio_device_attach_iommufd_pt',
  'vfio_device_detach_iommufd_pt',
  // linux/iommufd.h is of Linux 6.2
  ...Object.values(iommufd).flatMap((it) => ('fields' in it ? [] : Object.keys(it))),
  ...Object.values(iommufd).flatMap((it) => ('fields' in it ? [it.name] : [])),
])

/** Size of a struct in bytes before a newer header gave it more fields. */
const grownFrom: Readonly<Record<string, number>> = { vfio_device_bind_iommufd: 16 }

/** Structs that newer headers pad or extend at the end; the fields before stay where they are. */
const paddedTo: Readonly<Record<string, number>> = {
  vfio_device_info: 24,
  vfio_device_attach_iommufd_pt: 16,
  vfio_device_detach_iommufd_pt: 12,
}

const compiler = findCompiler()
/** The system's own, those of kernel sources installed, and any that VFIOCTL_KERNEL_HEADERS names (include/uapi). */
const headers = [
  ...(process.env['VFIOCTL_KERNEL_HEADERS'] ?? '').split(':').map((folder) => `${folder}/linux/vfio.h`),
  '/usr/include/linux/vfio.h',
  ...(existsSync('/usr/src') ? readdirSync('/usr/src') : []).map(
    (tree) => `/usr/src/${tree}/include/uapi/linux/vfio.h`,
  ),
].filter((path) => existsSync(path))

describe.skipIf(compiler === null)(`against C headers${compiler === null ? ' (no C compiler here)' : ''}`, () => {
  describe.skipIf(headers.length === 0)(headers.length === 0 ? 'no <linux/vfio.h> here' : 'linux/vfio.h', () => {
    describe.each(headers)('%s', (header) => {
      if (compiler === null) return
      const includes = [
        '#include <stddef.h>',
        '#include <stdio.h>',
        // what a kernel's own sources still hold, and installed headers do not
        '#define __user',
        '#undef __counted_by',
        '#define __counted_by(member)',
        `#include "${header}"`,
        `#include "${header.replace('vfio.h', 'pci_regs.h')}"`,
        `#include "${header.replace('vfio.h', 'vfio_ccw.h')}"`,
        ...(existsSync(header.replace('vfio.h', 'iommufd.h'))
          ? [`#include "${header.replace('vfio.h', 'iommufd.h')}"`]
          : []),
      ].join('\n')
      const known = new Set(preprocess(compiler, includes).match(/\w+/g))
      const present = (name: string) => known.has(name)
      const statements = [
        ...Object.keys(numbers)
          .filter(present)
          .map((name) => `printf("${name} %u\\n", (unsigned int)(${name}));`),
        ...layouts
          .filter(({ name }) => present(name))
          .flatMap(({ name, fields }) => [
            `printf("${name} %zu\\n", sizeof(struct ${name}));`,
            ...Object.keys(fields)
              .filter(present)
              .flatMap((field) => [
                `printf("${name}.${field} %zu\\n", offsetof(struct ${name}, ${field}));`,
                `printf("${name}.${field}:width %zu\\n", sizeof(((struct ${name} *)0)->${field}));`,
              ]),
          ]),
      ]
      const printed = new Map(
        runC(compiler, `${includes}\nint main(void) {\n${statements.join('\n')}\nreturn 0; }\n`)
          .trim()
          .split('\n')
          .map((line) => line.split(' '))
          .map(([name, value]) => [name, Number(value)]),
      )

      test.for(Object.entries(numbers))('%s is %d', ([name, value], { skip }) => {
        if (!present(name) && optional.has(name)) return skip('not in this header')
        expect(printed.get(name)).toBe(value)
      })

      const widths = { u8: 1, u16: 2, u32: 4, s32: 4, u64: 8 }
      test.for(layouts)('struct $name', ({ name, size, fields }, { skip }) => {
        if (!present(name) && optional.has(name)) return skip('not in this header')
        const bytes = printed.get(name) ?? 0
        expect([size, paddedTo[name], grownFrom[name]]).toContain(bytes)
        const there = Object.entries(fields).filter(([, [offset]]) => bytes !== grownFrom[name] || offset < bytes)
        const expected = there.flatMap(([field, [offset, type]]) => [
          [`${name}.${field}`, offset],
          [`${name}.${field}:width`, widths[type]],
        ])
        expect(expected.map(([field]) => [field, printed.get(String(field))])).toEqual(expected)
      })
    })
  })
})
