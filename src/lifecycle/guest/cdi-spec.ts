import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import { isNoiommuGroup } from '../../host/device-node.ts'
import { findVfioDevice } from '../../host/vfio-device.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { findGuestDevices, type GuestDevice } from './guest-device.ts'
import { deviceNodePath, type OpeningOptions, whatIsNotReady } from './not-ready.ts'

/** A node of /dev that a container gets, at the same path. */
export interface CdiDeviceNode {
  readonly path: string
  /** Permissions of the container's node: those of the host's. Runtimes that are told none let everybody in. */
  readonly fileMode: number
  /** For the container's device controller: read and write, and no mknod. */
  readonly permissions: 'rw'
}

/** Additions to a container. */
export interface CdiContainerEdits {
  readonly deviceNodes: readonly CdiDeviceNode[]
}

/**
 * A file of the Container Device Interface (SPEC.md of cncf-tags/container-device-interface), for container runtimes.
 */
export interface CdiSpec {
  /** The oldest that allows a device's name to begin with a digit, as runtimes refuse versions they do not know. */
  readonly cdiVersion: '0.5.0'
  readonly kind: 'vfioctl/device'
  /**
   * Each as `--device vfioctl/device=NAME` takes it: the address or UUID, with dashes for colons, which CDI has not.
   */
  readonly devices: readonly { readonly name: string; readonly containerEdits: CdiContainerEdits }[]
  /** The nodes that every device needs. */
  readonly containerEdits: CdiContainerEdits
}

/** A spec of devices, and what keeps a container from opening them. */
export interface CdiResult {
  readonly spec: CdiSpec
  readonly warnings: readonly Warning[]
}

/**
 * The spec of devices, with the exact nodes that a process opens them by: the container's and the group's, or iommufd's
 * and the device's own. Groups and nodes have other numbers after a boot. Throws as `findGuestDevices` and
 * `findVfioDevice` do, and NOT_FOUND for a node that is not there.
 */
export function cdiSpec(files: HostFiles, names: readonly string[], options: OpeningOptions = {}): CdiResult {
  const { iommufd = false } = options
  const devices = findGuestDevices(files, names)
  const common = iommufd ? '/dev/iommu' : '/dev/vfio/vfio'
  const own = devices.map((device) => ({ device, path: ownNode(files, device, iommufd) }))
  checkNode(files, common, iommufd ? 'modprobe iommufd' : 'modprobe vfio')
  return {
    spec: {
      cdiVersion: '0.5.0',
      kind: 'vfioctl/device',
      devices: own.map(({ device, path }) => ({ name: cdiName(device.name), containerEdits: edits(files, path) })),
      containerEdits: edits(files, common),
    },
    warnings: whatIsNotReady(files, devices, options),
  }
}

/** A node has nine bits of permission: no other means anything on it. */
function edits(files: HostFiles, path: string): CdiContainerEdits {
  return { deviceNodes: [{ path, fileMode: files.owner(path).mode & 0o777, permissions: 'rw' }] }
}

/** Letters, digits, dashes, underscores and dots, with a letter or digit at both ends. */
function cdiName(name: string): string {
  const named = name.replaceAll(':', '-')
  if (/^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/.test(named)) return named
  throw new VfioError('INVALID_ARGUMENT', `'${printable(name)}' can be no name of a CDI device`)
}

function ownNode(files: HostFiles, device: GuestDevice, iommufd: boolean): string {
  const { name } = device
  const { group } = findVfioDevice(files, name)
  if (iommufd) return deviceNodePath(files, device)
  if (group === null) {
    throw new VfioError('NOT_FOUND', `${name} has no IOMMU group, and so no node in /dev/vfio`, {
      hint: 'vfioctl groups',
      facts: { device: name },
    })
  }
  const node = isNoiommuGroup(files, group) ? `/dev/vfio/noiommu-${group}` : `/dev/vfio/${group}`
  checkNode(files, node, 'vfioctl groups')
  return node
}

function checkNode(files: HostFiles, path: string, hint: string): void {
  if (files.kind(path) === 'device') return
  throw new VfioError('NOT_FOUND', `${path} is not there, or is no device node`, { path, hint })
}
