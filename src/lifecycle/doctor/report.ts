import { type FoundGroups, readIommuGroups } from '../../host/iommu-groups.ts'
import { readPhysicalFunctions } from '../../host/sriov.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { Warning } from '../../host/warning.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { readDeviceTypes } from '../kinds/device-types.ts'
import { list } from '../kinds/list.ts'
import { type Diagnosis, diagnose } from './diagnose.ts'
import { namesGiven, withoutGivenNames } from './given-names.ts'
import type { DoctorRequest } from './reading/host-reader.ts'
import { redacted } from './redacted.ts'

/** The contents of a report: as for `doctor`, and the program that makes it, such as 'vfioctl 0.1.0'. */
export interface ReportRequest extends DoctorRequest {
  readonly program?: string
}

/** A host for a report of a bug, before what tells it from others is taken out. */
interface HostReport extends Pick<FoundGroups, 'groups' | 'withoutGroup'> {
  readonly program: string | null
  /** Of the kernel: '6.12.0-amd64', and how it was built. */
  readonly kernel: string
  readonly commandLine: string
  readonly diagnosis: Diagnosis
  readonly devices: ReturnType<typeof list>['devices']
  readonly types: ReturnType<typeof readDeviceTypes>['types']
  readonly physicalFunctions: ReturnType<typeof readPhysicalFunctions>['functions']
  readonly warnings: readonly Warning[]
}

/** All that a reader of a bug report asks for, as JSON, and nothing that tells this host from others. */
export function reportText(kernel: Kernel, { program, ...request }: ReportRequest = {}): string {
  const { files } = kernel
  const found = readIommuGroups(files)
  const listed = list(files)
  const offered = readDeviceTypes(files)
  const physical = readPhysicalFunctions(files)
  const report: HostReport = {
    program: program ?? null,
    kernel: readOrEmpty(files, '/proc/version').trim() || readOrEmpty(files, '/proc/sys/kernel/osrelease').trim(),
    commandLine: readOrEmpty(files, '/proc/cmdline').trim(),
    diagnosis: diagnose(kernel, request),
    groups: found.groups,
    withoutGroup: found.withoutGroup,
    // the rest of a guest's command line tells of its disks and nets
    devices: listed.devices.map((device) => ({
      ...device,
      users: device.users.map((user) => ({ ...user, commandLine: user.commandLine.slice(0, 1) })),
    })),
    types: offered.types,
    physicalFunctions: physical.functions,
    warnings: [...found.warnings, ...listed.warnings, ...offered.warnings, ...physical.warnings],
  }
  const guests = report.devices.flatMap(({ users }) => users.flatMap(({ vm }) => vm?.name ?? []))
  const rename = withoutGivenNames(namesGiven(files, guests))
  const named = JSON.stringify(report, (_, value: unknown) => (typeof value === 'string' ? rename(value) : value), 2)
  return redacted(files, `${named}\n`)
}
