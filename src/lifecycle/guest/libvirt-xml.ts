import { pciAddressOrNull } from '../../base/units.ts'
import type { Warning } from '../../host/warning.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { findGuestDevices, type GuestDevice } from './guest-device.ts'
import { type OpeningOptions, whatIsNotReady } from './not-ready.ts'
import { xmlElement } from './xml-element.ts'

/** Options for libvirt's XML. */
export interface LibvirtOptions extends OpeningOptions {
  /** Show the displays that virtual devices have, by the graphics of the domain. False unless said. */
  readonly display?: boolean
}

/** A device as libvirt's domains have it. */
export interface LibvirtHostdev {
  /** A PCI address in its long form, or an mdev's UUID. */
  readonly device: string
  /** Its `<hostdev>` element. */
  readonly xml: string
}

/** The XML of libvirt that gives a domain devices. */
export interface LibvirtXml {
  readonly hostdevs: readonly LibvirtHostdev[]
  /** The first version of libvirt that takes it: '12.1.0'. */
  readonly since: string
  /** Reasons why a guest cannot start yet, each with the command that helps. */
  readonly warnings: readonly Warning[]
}

/** First versions of libvirt with a kind of device, and with what a device may have besides (its formatdomain.html). */
const pciSince = '1.0.5'
const modelSince = { 'vfio-pci': '3.2.0', 'vfio-ccw': '4.4.0', 'vfio-ap': '4.9.0' } as const
const displaySince = { mdev: '4.6.0', pci: '10.3.0' } as const
const ramfbSince = { mdev: '5.10.0', pci: '10.3.0' } as const
const iommufdSince = '12.1.0'

/** The `<hostdev>` elements of devices, which need not be ready for a guest. Throws as `findGuestDevices` does. */
export function libvirtXml(files: HostFiles, names: readonly string[], options: LibvirtOptions = {}): LibvirtXml {
  const devices = findGuestDevices(files, names)
  const made = devices.map((device) => ({ device, ...hostdev(devices, device, options) }))
  return {
    hostdevs: made.map(({ device, made: xml }) => ({ device: device.name, xml })),
    since: made.map(({ since }) => since).reduce(later),
    warnings: [...notReady(files, devices, options), ...withoutIommufd(devices, options)],
  }
}

/** A text, and the first version of libvirt that takes it. */
interface Since<T> {
  readonly made: T
  readonly since: string
}

function hostdev(all: readonly GuestDevice[], device: GuestDevice, options: LibvirtOptions): Since<string> {
  const address = device.bus === 'pci' ? pciAddressOrNull(device.name) : null
  const shown = displayAttributes(all, device, options)
  const { made, since } =
    address === null ? mediated(device, shown.made) : pciFunction(device, address, shown.made, options)
  return { made, since: later(since, shown.since) }
}

/** `ramfb`, which shows the guest's firmware, can be had once in a machine. */
function displayAttributes(
  all: readonly GuestDevice[],
  device: GuestDevice,
  { display = false }: LibvirtOptions,
): Since<Readonly<Record<string, string>>> {
  if (!display || device.display === null) return { made: {}, since: pciSince }
  const isFirst = all.find((it) => it.display !== null) === device
  return isFirst
    ? { made: { display: 'on', ramfb: 'on' }, since: ramfbSince[device.bus] }
    : { made: { display: 'on' }, since: displaySince[device.bus] }
}

/**
 * A device that VFIO has already is not managed: libvirt would give it back to the host's driver when the guest ends,
 * in spite of the binding that is kept, and would unbind a vGPU's function, which is none any more then.
 */
function isManaged({ bus, member }: GuestDevice): boolean {
  return bus === 'pci' && !member.vfio
}

function pciFunction(
  device: GuestDevice,
  address: string,
  shown: Readonly<Record<string, string>>,
  { iommufd = false }: LibvirtOptions,
): Since<string> {
  const [domain = '', bus = '', slot = '', fn = ''] = address.split(/[:.]/)
  const source = { domain: `0x${domain}`, bus: `0x${bus}`, slot: `0x${slot}`, function: `0x${fn}` }
  const attributes = { mode: 'subsystem', type: 'pci', managed: isManaged(device) ? 'yes' : 'no', ...shown }
  const driver = iommufd ? [xmlElement('driver', { iommufd: 'yes' })] : []
  const made = xmlElement('hostdev', attributes, [...driver, xmlElement('source', {}, [xmlElement('address', source)])])
  return { made, since: iommufd ? iommufdSince : pciSince }
}

function mediated({ name: uuid, model }: GuestDevice, shown: Readonly<Record<string, string>>): Since<string> {
  const made = xmlElement('hostdev', { mode: 'subsystem', type: 'mdev', model, ...shown }, [
    xmlElement('source', {}, [xmlElement('address', { uuid })]),
  ])
  return { made, since: modelSince[model] }
}

/** A managed device gets its driver from libvirt when the guest starts. */
function notReady(files: HostFiles, devices: readonly GuestDevice[], options: LibvirtOptions): Warning[] {
  const managed = new Map(devices.filter(isManaged).map((device) => [device.name, device]))
  return whatIsNotReady(files, devices, options).map((warning) => {
    const driver = managed.get(warning.path)?.member.driver
    if (driver === undefined || !warning.message.includes('vfioctl bind')) return warning
    const now = driver === null ? 'has no driver' : `is with ${driver}`
    const message = `${now}: libvirt binds it to VFIO when the guest starts, and gives it back (managed='yes')`
    return { path: warning.path, message: `${message}; vfioctl bind ${warning.path} does so for good` }
  })
}

function withoutIommufd(devices: readonly GuestDevice[], { iommufd = false }: LibvirtOptions): Warning[] {
  const mdevs = iommufd ? devices.filter(({ bus }) => bus === 'mdev') : []
  return mdevs.map(({ name }) => ({
    path: name,
    message: 'goes by its group: libvirt has iommufd for PCI devices alone',
  }))
}

/** Of two versions; all have three numbers. */
function later(a: string, b: string): string {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  const difference = left?.map((number, at) => number - (right?.[at] ?? 0)).find((it) => it !== 0) ?? 0
  return difference >= 0 ? a : b
}
