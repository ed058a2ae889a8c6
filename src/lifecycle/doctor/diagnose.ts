import type { Warning } from '../../host/warning.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { checks } from './checks.ts'
import type { Finding, Severity } from './reading/finding.ts'
import type { DoctorRequest, HostReader } from './reading/host-reader.ts'
import { noticedFiles } from './reading/noticed-files.ts'
import { wantedDevices } from './wanted-devices.ts'

/** The findings of one pass over a host. */
export interface Diagnosis {
  /** There is no problem. There may be warnings and notes. */
  readonly healthy: boolean
  /** Problems first, then warnings, then notes. */
  readonly findings: readonly Finding[]
  /** All that was looked at, in words: 'IOMMU', 'interrupt remapping'… */
  readonly lookedAt: readonly string[]
  /** The devices that were looked at, as commands take them. */
  readonly devices: readonly string[]
  /** Files that we may not read, and that could tell more: run by root, there are none. */
  readonly unseen: readonly Warning[]
}

const order: readonly Severity[] = ['problem', 'warning', 'note']

/**
 * Looks at all there is to look at, and changes nothing. `gpuStates` are the modes of cards of which some are kept: a
 * program tells them (`keptGpuStates`), and no file.
 */
export function diagnose(
  kernel: Kernel,
  request: DoctorRequest = {},
  gpuStates: HostReader['gpuStates'] = new Map(),
): Diagnosis {
  const unseen = new Map<string, Warning>()
  const files = noticedFiles(kernel.files, unseen)
  const devices = wantedDevices(files, request.devices ?? [])
  const found = checks.flatMap(({ find }) => find({ kernel, files, devices, request, gpuStates }))
  return {
    healthy: found.every(({ severity }) => severity !== 'problem'),
    findings: order.flatMap((severity) => found.filter((finding) => finding.severity === severity)),
    lookedAt: [...new Set(checks.map(({ what }) => what))],
    devices: devices.map(({ name }) => name),
    unseen: [...unseen.values()],
  }
}
