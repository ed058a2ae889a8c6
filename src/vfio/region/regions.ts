import { checked, count } from '../../base/arguments.ts'
import { VfioError } from '../../base/errors.ts'
import { hex, printable, shown } from '../../base/units.ts'
import { regionName } from '../../host/bus/bus.ts'
import type { DeviceInfo } from '../../uapi/device.ts'
import { decodeRegionInfo, pciRegionIndex, regionFlag, vfioRegionInfo } from '../../uapi/region.ts'
import { request } from '../../uapi/requests.ts'
import type { Descriptor } from '../calls/descriptor.ts'
import { callForInfo } from '../calls/info-call.ts'
import { askOr } from '../calls/system-call.ts'
import { decodeConfigSpace } from '../config-space/config-space.ts'
import { Region } from './region.ts'
import type { Area } from './region-areas.ts'

/**
 * Bytes of a standard PCI header, of the part of configuration space that has the list MSI-X is in, and of a vector.
 */
const configHeaderSize = 0x40
const conventionalConfigSize = 0x100
const msixEntrySize = 16

/**
 * The regions of an open device, by index or by name. An index may be missing (VGA), and a device may answer for
 * indexes beyond `numRegions` (mdpy's display, 16): ask for those by number. Iterating gives every index below
 * `numRegions` that the kernel answers; a region of size 0 is one that is not there.
 */
export class Regions implements Iterable<Region> {
  readonly #device: Descriptor
  readonly #info: DeviceInfo
  readonly #known = new Map<number, Region>()

  constructor(device: Descriptor, info: DeviceInfo) {
    this.#device = device
    this.#info = info
  }

  /** BAR 0 of a PCI device. NOT_FOUND if it has none. */
  get bar0(): Region {
    return this.get('bar0')
  }
  /** BAR 1 of a PCI device. NOT_FOUND if it has none. */
  get bar1(): Region {
    return this.get('bar1')
  }
  /** BAR 2 of a PCI device. NOT_FOUND if it has none. */
  get bar2(): Region {
    return this.get('bar2')
  }
  /** BAR 3 of a PCI device. NOT_FOUND if it has none. */
  get bar3(): Region {
    return this.get('bar3')
  }
  /** BAR 4 of a PCI device. NOT_FOUND if it has none. */
  get bar4(): Region {
    return this.get('bar4')
  }
  /** BAR 5 of a PCI device. NOT_FOUND if it has none. */
  get bar5(): Region {
    return this.get('bar5')
  }
  /** The expansion ROM of a PCI device. NOT_FOUND if it has none. */
  get rom(): Region {
    return this.get('rom')
  }
  /** The configuration space of a PCI device; of a channel device, its I/O region. NOT_FOUND if it has none. */
  get config(): Region {
    return this.get('config')
  }
  /** The legacy VGA ports and memory of a PCI device. NOT_FOUND if it has none. */
  get vga(): Region {
    return this.get('vga')
  }

  /** Throws NOT_FOUND, with the regions there are. */
  get(which: number | string): Region {
    const index = typeof which === 'string' ? this.#indexOf(which) : which
    if (index !== null && (!Number.isInteger(index) || index < 0 || index > 0xffff_ffff)) {
      throw new VfioError('INVALID_ARGUMENT', `${shown(index)} is not the index of a region`)
    }
    const region = index === null ? null : this.#find(index)
    if (region !== null) return region
    const there = [...this].filter(({ size }) => size > 0).map(({ name }) => name)
    throw new VfioError(
      'NOT_FOUND',
      `${this.#device.what} has no region ${printable(String(which))}; it has ${there.join(', ') || 'none'}`,
      { facts: { region: which, regions: there } },
    )
  }

  /** The device-specific region of this type and subtype (VFIO_REGION_TYPE_*, …_SUBTYPE_*). Throws NOT_FOUND. */
  ofType(type: number, subtype: number): Region {
    checked('ofType', count, type, 'its type')
    checked('ofType', count, subtype, 'its subtype')
    const found = [...this].find(({ capabilities }) =>
      capabilities.some((one) => one.name === 'type' && one.type === type && one.subtype === subtype),
    )
    if (found !== undefined) return found
    throw new VfioError(
      'NOT_FOUND',
      `${this.#device.what} has no region of type ${hex(type)}, subtype ${hex(subtype)}`,
      {
        facts: { type, subtype },
      },
    )
  }

  *[Symbol.iterator](): Iterator<Region> {
    for (let index = 0; index < this.#info.numRegions; index++) {
      const region = this.#find(index)
      if (region !== null) yield region
    }
  }

  /** The index that bears this name, whether or not the device has it. */
  #indexOf(name: string): number | null {
    for (let index = 0; index < this.#info.numRegions; index++) {
      if (regionName(this.#info.flags, index) === name) return index
    }
    const number = Number(/^region(\d{1,10})$/.exec(name)?.[1] ?? Number.NaN)
    return regionName(this.#info.flags, number) === name ? number : null
  }

  /** VFIO_DEVICE_GET_REGION_INFO, once per index; null if the device has no such region. */
  #find(index: number): Region | null {
    this.#device.checkOpen()
    const known = this.#known.get(index)
    if (known !== undefined) return known
    const name = regionName(this.#info.flags, index)
    const ask = () =>
      callForInfo(vfioRegionInfo, { index }, regionFlag.VFIO_REGION_INFO_FLAG_CAPS, (bytes) =>
        this.#device.ioctl(request.VFIO_DEVICE_GET_REGION_INFO, bytes),
      )
    const answer = askOr(`ask ${this.#device.what} for region ${name}`, ask, ['EINVAL'], null)
    if (answer === null) return null
    const host = { descriptor: this.#device, msixTable: () => this.#msixTable(index) }
    const region = new Region(host, name, { ...decodeRegionInfo(answer), index })
    this.#known.set(index, region)
    return region
  }

  /** The MSI-X table's place in this region, as the configuration space says. */
  #msixTable(index: number): Area | null {
    if (!this.#info.flags.pci) return null
    const config = this.#find(pciRegionIndex.VFIO_PCI_CONFIG_REGION_INDEX)
    if (config === null || config.size < configHeaderSize) return null
    const bytes = new Uint8Array(Math.min(config.size, conventionalConfigSize))
    config.readInto(0, bytes)
    const msix = decodeConfigSpace(bytes).capabilities.find((capability) => capability.name === 'msi-x')
    if (msix === undefined || msix.fields.tableBar !== index) return null
    const { tableOffset, vectors } = msix.fields
    return { start: tableOffset, end: tableOffset + vectors * msixEntrySize }
  }
}
