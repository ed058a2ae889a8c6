import { groupNotViable } from './findings/group-not-viable.ts'
import { iommuOff } from './findings/iommu-off.ts'
import { iommufdMissing } from './findings/iommufd-missing.ts'
import { keptForAbsent } from './findings/kept-for-absent.ts'
import { noGroup } from './findings/no-group.ts'
import { noiommuOn } from './findings/noiommu-on.ts'
import { notKept } from './findings/not-kept.ts'
import { notRestored } from './findings/not-restored.ts'
import { takenAtBoot } from './findings/taken-at-boot.ts'
import { interruptsUnsafe } from './findings/unsafe-interrupts.ts'
import { vfioModules } from './findings/vfio-modules.ts'
import { wrongDriver } from './findings/wrong-driver.ts'
import type { Finding } from './reading/finding.ts'
import type { HostReader } from './reading/host-reader.ts'

/** One thing to look at. */
export interface Check {
  /** The part of a host that it looks at, for 'looked at …': several may look at one. */
  readonly what: string
  readonly find: (host: HostReader) => Finding[]
}

/** All that is looked at, in the order in which a host is set up. */
export const checks: readonly Check[] = [
  { what: 'IOMMU', find: iommuOff },
  { what: 'interrupt remapping', find: interruptsUnsafe },
  { what: 'VFIO’s modules', find: vfioModules },
  { what: 'VFIO’s modules', find: iommufdMissing },
  { what: 'VFIO’s modules', find: noiommuOn },
  { what: 'drivers', find: wrongDriver },
  { what: 'IOMMU groups', find: noGroup },
  { what: 'IOMMU groups', find: groupNotViable },
  { what: 'what the next boot does', find: takenAtBoot },
  { what: 'what the next boot does', find: notKept },
  { what: 'what the next boot does', find: keptForAbsent },
  { what: 'what the next boot does', find: notRestored },
]
