import { VfioError } from '../../base/errors.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { findGuestDevices, type GuestDevice } from './guest-device.ts'
import { guestSlots } from './guest-slots.ts'
import { deviceNodePath, type OpeningOptions, whatIsNotReady } from './not-ready.ts'
import { displayProperties, displayWarnings, type QemuDisplayOptions } from './qemu-display.ts'
import { type QemuProperties, qemuOption } from './qemu-option.ts'
import { type QemuPlace, type QemuTopology, qemuPlaces } from './qemu-topology.ts'

/** Options for the arguments of QEMU. */
export interface QemuOptions extends OpeningOptions, QemuDisplayOptions {
  /** 'ports' unless said. */
  readonly topology?: QemuTopology
  /**
   * With iommufd: the number of the descriptor of /dev/iommu, as QEMU inherits it. The devices' follow, in their order.
   * Whoever starts QEMU opens them, and QEMU needs no rights on the nodes.
   */
  readonly firstDescriptor?: number
}

/** A descriptor that QEMU inherits, opened for reading and writing. */
export interface QemuDescriptor {
  readonly fd: number
  readonly path: string
}

/** Arguments of QEMU, in pairs of an option and its value, and what they rely on. */
export interface QemuArguments {
  readonly arguments: readonly string[]
  /** None unless descriptors were asked for. */
  readonly descriptors: readonly QemuDescriptor[]
  /** Reasons why a guest cannot start yet, each with the command that helps. */
  readonly warnings: readonly Warning[]
}

/** QEMU's own: 8.2 is the first that has it. */
const iommufdId = 'iommufd0'

/**
 * QEMU's arguments that give a guest these devices. Throws as `findGuestDevices` does, and for options that do not go
 * together.
 */
export function qemuArguments(files: HostFiles, names: readonly string[], options: QemuOptions = {}): QemuArguments {
  const devices = findGuestDevices(files, names)
  checkOneMatrix(devices)
  const descriptors = passedDescriptors(files, devices, options)
  const onPci = devices.filter(({ model }) => model === 'vfio-pci')
  const places = qemuPlaces(guestSlots(files, onPci), options.topology ?? 'ports')
  const values = devices.map((device, index) => {
    const opening = openingProperties(device, options, descriptors[index + 1]?.fd)
    const { driver, ...display } = displayProperties(devices, device, options)
    return qemuOption(driver, { ...opening, id: `hostdev${index}`, ...placed(places.of.get(device)), ...display })
  })
  return {
    arguments: [
      ...(options.iommufd === true
        ? ['-object', qemuOption('iommufd', { id: iommufdId, fd: descriptors[0]?.fd })]
        : []),
      ...[...places.controllers, ...values].flatMap((value) => ['-device', value]),
    ],
    descriptors,
    warnings: [...whatIsNotReady(files, devices, options), ...displayWarnings(devices, options), ...needs(devices)],
  }
}

/**
 * The properties by which QEMU finds a device. Beside a descriptor none that names it, as QEMU does not compare them,
 * but for a mediated device: QEMU knows by its path alone that it is one, and else asks for the IOMMU that it has not
 * (hw/vfio/helpers.c).
 */
function openingProperties(device: GuestDevice, { iommufd }: QemuOptions, fd: number | undefined): QemuProperties {
  const backend = iommufd === true ? { iommufd: iommufdId } : {}
  if (fd !== undefined) return device.bus === 'mdev' ? { sysfsdev: device.path, ...backend, fd } : { ...backend, fd }
  // `host` has 16 bits for the domain (hw/core/qdev-properties-system.c)
  return device.bus === 'pci' && device.name.indexOf(':') === 4
    ? { host: device.name, ...backend }
    : { sysfsdev: device.path, ...backend }
}

function placed(place: QemuPlace | undefined): QemuProperties {
  return place === undefined ? {} : { ...place }
}

function passedDescriptors(
  files: HostFiles,
  devices: readonly GuestDevice[],
  { iommufd, firstDescriptor: first }: QemuOptions,
): QemuDescriptor[] {
  if (first === undefined) return []
  if (iommufd !== true) {
    throw new VfioError('INVALID_ARGUMENT', 'QEMU takes descriptors of devices with iommufd alone', {
      hint: 'vfioctl qemu --help',
    })
  }
  return ['/dev/iommu', ...devices.map((device) => nodeToPass(files, device))].map((path, at) => ({
    fd: first + at,
    path,
  }))
}

function nodeToPass(files: HostFiles, device: GuestDevice): string {
  const { name, model } = device
  if (model === 'vfio-ccw') {
    throw new VfioError('NOT_SUPPORTED', `cannot pass ${name} as a descriptor: QEMU's vfio-ccw needs its path`, {
      hint: 'vfioctl qemu --help',
      facts: { device: name, model },
    })
  }
  return deviceNodePath(files, device)
}

/** hw/vfio/ap.c and libvirt both take one. */
function checkOneMatrix(devices: readonly GuestDevice[]): void {
  const matrices = devices.filter(({ model }) => model === 'vfio-ap').map(({ name }) => name)
  if (matrices.length < 2) return
  throw new VfioError('INVALID_ARGUMENT', `a guest has one matrix of crypto queues at most: ${matrices.join(', ')}`, {
    hint: 'give one of them the queues of both: vfioctl modify UUID --addattr assign_domain --value N',
    facts: { devices: matrices },
  })
}

function needs(devices: readonly GuestDevice[]): Warning[] {
  const matrix = devices.find(({ model }) => model === 'vfio-ap')
  if (matrix === undefined) return []
  return [
    { path: matrix.name, message: 'needs a guest with AP instructions: -cpu host,ap=on,apqci=on,apft=on,apqi=on' },
  ]
}
