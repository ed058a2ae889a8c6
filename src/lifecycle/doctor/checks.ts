import { bootDisplay } from './findings/boot-display.ts'
import { definedForOtherModes } from './findings/defined-for-other-modes.ts'
import { deniedByPolicy } from './findings/denied-by-policy.ts'
import { functionsWithoutPart } from './findings/functions-without-part.ts'
import { gimFunctions } from './findings/gim-functions.ts'
import { groupNotViable } from './findings/group-not-viable.ts'
import { guestMemory } from './findings/guest-memory.ts'
import { iommuOff } from './findings/iommu-off.ts'
import { iommufdMissing } from './findings/iommufd-missing.ts'
import { keptForAbsent } from './findings/kept-for-absent.ts'
import { lockdown } from './findings/lockdown.ts'
import { lockedMemory } from './findings/locked-memory.ts'
import { mappingLimit } from './findings/mapping-limit.ts'
import { modesNotSet } from './findings/modes-not-set.ts'
import { noAnswer } from './findings/no-answer.ts'
import { noGroup } from './findings/no-group.ts'
import { nodePermission } from './findings/node-permission.ts'
import { noiommuOn } from './findings/noiommu-on.ts'
import { notEarly } from './findings/not-early.ts'
import { notKept } from './findings/not-kept.ts'
import { notRestored } from './findings/not-restored.ts'
import { otherManagers } from './findings/other-managers.ts'
import { power } from './findings/power.ts'
import { takenAtBoot } from './findings/taken-at-boot.ts'
import { interruptsUnsafe } from './findings/unsafe-interrupts.ts'
import { vendorReset } from './findings/vendor-reset.ts'
import { vfioModules } from './findings/vfio-modules.ts'
import { vgpuModes } from './findings/vgpu-modes.ts'
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
  { what: 'vGPUs', find: vgpuModes },
  { what: 'vGPUs', find: modesNotSet },
  { what: 'vGPUs', find: definedForOtherModes },
  { what: 'virtual functions', find: gimFunctions },
  { what: 'virtual functions', find: functionsWithoutPart },
  { what: 'displays', find: bootDisplay },
  { what: 'power', find: power },
  { what: 'resets', find: vendorReset },
  { what: 'answers of devices', find: noAnswer },
  { what: 'nodes', find: nodePermission },
  { what: 'memory', find: lockedMemory },
  { what: 'memory', find: mappingLimit },
  { what: 'memory', find: guestMemory },
  { what: 'lockdown and policies', find: lockdown },
  { what: 'lockdown and policies', find: deniedByPolicy },
  { what: 'other managers', find: otherManagers },
  { what: 'what the next boot does', find: takenAtBoot },
  { what: 'what the next boot does', find: notEarly },
  { what: 'what the next boot does', find: notKept },
  { what: 'what the next boot does', find: keptForAbsent },
  { what: 'what the next boot does', find: notRestored },
]
