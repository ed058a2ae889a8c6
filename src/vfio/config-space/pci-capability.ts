import { deviceOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { hex } from '../../base/units.ts'
import {
  capabilityBit as bit,
  type CapabilityName,
  type ExtendedCapabilityName,
  capabilityRegister as register,
} from '../../uapi/pci.ts'

/** The fields of the decoded capabilities, by their names. Sizes and offsets are in bytes. */
export interface DecodedFields {
  readonly 'power-management': {
    readonly version: number
    /** D0 to D3 */
    readonly powerState: number
    readonly noSoftReset: boolean
  }
  readonly msi: {
    readonly enabled: boolean
    readonly vectors: number
    readonly enabledVectors: number
    readonly address64: boolean
    readonly maskable: boolean
  }
  readonly 'msi-x': {
    readonly enabled: boolean
    readonly masked: boolean
    readonly vectors: number
    readonly tableBar: number
    readonly tableOffset: number
    readonly pendingBar: number
    readonly pendingOffset: number
  }
  readonly 'pci-express': {
    readonly version: number
    /** PCI_EXP_TYPE_…: 0 is an endpoint, 1 a legacy endpoint, 9 one that is integrated in the root complex. */
    readonly portType: number
    /** The most bytes that it could take in one packet. */
    readonly maxPayload: number
    readonly functionLevelReset: boolean
  }
  readonly 'vendor-specific': { readonly length: number }
  /** As lspci shows it: '52-54-00-ff-ff-12-34-56'. */
  readonly 'device-serial-number': { readonly serialNumber: string }
  readonly 'vendor-specific-extended': {
    readonly vsecId: number
    readonly revision: number
    readonly length: number
  }
  /** Isolation of devices behind one switch, which decides on IOMMU groups: what is possible, and its control bits. */
  readonly 'access-control-services': {
    readonly sourceValidation: boolean
    readonly requestRedirect: boolean
    readonly completionRedirect: boolean
    readonly upstreamForwarding: boolean
    readonly control: number
  }
  readonly 'address-translation-services': { readonly enabled: boolean }
  readonly 'sr-iov': {
    readonly enabled: boolean
    readonly initialVfs: number
    readonly totalVfs: number
    readonly numVfs: number
    readonly firstVfOffset: number
    readonly vfStride: number
    readonly vfDeviceId: number
  }
}

/** The name of a capability in the PCI specifications; 'unknown' for an id without a name here. */
export type PciCapabilityName = CapabilityName | ExtendedCapabilityName | 'unknown'

/** A name with its fields; null for what is not decoded. */
export type DecodedCapability =
  | {
      readonly [Known in keyof DecodedFields]: { readonly name: Known; readonly fields: DecodedFields[Known] }
    }[keyof DecodedFields]
  | { readonly name: Exclude<PciCapabilityName, keyof DecodedFields>; readonly fields: null }

/** Decodes the capability at `at` of a configuration space. Throws MALFORMED_REPLY if the space ends inside it. */
export function decodeCapability(name: PciCapabilityName, space: DataView, at: number): DecodedCapability {
  const first = (length: number): DataView => part(name, space, at, length)
  switch (name) {
    case 'power-management':
      return { name, fields: powerManagement(first(6)) }
    case 'msi':
      return { name, fields: msi(first(4)) }
    case 'msi-x':
      return { name, fields: msix(first(12)) }
    case 'pci-express':
      return { name, fields: pciExpress(first(8)) }
    case 'vendor-specific':
      return { name, fields: { length: first(3).getUint8(2) } }
    case 'device-serial-number':
      return { name, fields: { serialNumber: serialNumber(first(12)) } }
    case 'vendor-specific-extended':
      return { name, fields: vendorSpecificExtended(first(8)) }
    case 'access-control-services':
      return { name, fields: accessControlServices(first(8)) }
    case 'address-translation-services':
      return { name, fields: { enabled: has(first(8), register.PCI_ATS_CTRL, bit.PCI_ATS_CTRL_ENABLE) } }
    case 'sr-iov':
      return { name, fields: srIov(first(0x1c)) }
    default:
      return { name, fields: null }
  }
}

function part(name: string, space: DataView, at: number, length: number): DataView {
  if (at + length <= space.byteLength) return new DataView(space.buffer, space.byteOffset + at, length)
  throw new VfioError(
    'MALFORMED_REPLY',
    `PCI capability ${name} at ${hex(at)} does not fit a configuration space of ${hex(space.byteLength)} bytes`,
    { facts: { capability: name, offset: at, size: space.byteLength } },
  )
}

function has(view: DataView, at: number, mask: number): boolean {
  return (view.getUint16(at, deviceOrder) & mask) !== 0
}

function powerManagement(view: DataView): DecodedFields['power-management'] {
  return {
    version: view.getUint16(register.PCI_PM_PMC, deviceOrder) & bit.PCI_PM_CAP_VER_MASK,
    powerState: view.getUint16(register.PCI_PM_CTRL, deviceOrder) & bit.PCI_PM_CTRL_STATE_MASK,
    noSoftReset: has(view, register.PCI_PM_CTRL, bit.PCI_PM_CTRL_NO_SOFT_RESET),
  }
}

function msi(view: DataView): DecodedFields['msi'] {
  const flags = view.getUint16(register.PCI_MSI_FLAGS, deviceOrder)
  return {
    enabled: (flags & bit.PCI_MSI_FLAGS_ENABLE) !== 0,
    vectors: 1 << ((flags & bit.PCI_MSI_FLAGS_QMASK) >> 1),
    enabledVectors: 1 << ((flags & bit.PCI_MSI_FLAGS_QSIZE) >> 4),
    address64: (flags & bit.PCI_MSI_FLAGS_64BIT) !== 0,
    maskable: (flags & bit.PCI_MSI_FLAGS_MASKBIT) !== 0,
  }
}

function msix(view: DataView): DecodedFields['msi-x'] {
  const flags = view.getUint16(register.PCI_MSIX_FLAGS, deviceOrder)
  const table = view.getUint32(register.PCI_MSIX_TABLE, deviceOrder)
  const pending = view.getUint32(register.PCI_MSIX_PBA, deviceOrder)
  return {
    enabled: (flags & bit.PCI_MSIX_FLAGS_ENABLE) !== 0,
    masked: (flags & bit.PCI_MSIX_FLAGS_MASKALL) !== 0,
    vectors: (flags & bit.PCI_MSIX_FLAGS_QSIZE) + 1,
    tableBar: table & bit.PCI_MSIX_TABLE_BIR,
    tableOffset: (table & ~bit.PCI_MSIX_TABLE_BIR) >>> 0,
    pendingBar: pending & bit.PCI_MSIX_PBA_BIR,
    pendingOffset: (pending & ~bit.PCI_MSIX_PBA_BIR) >>> 0,
  }
}

function pciExpress(view: DataView): DecodedFields['pci-express'] {
  const flags = view.getUint16(register.PCI_EXP_FLAGS, deviceOrder)
  const capabilities = view.getUint32(register.PCI_EXP_DEVCAP, deviceOrder)
  return {
    version: flags & bit.PCI_EXP_FLAGS_VERS,
    portType: (flags & bit.PCI_EXP_FLAGS_TYPE) >> 4,
    maxPayload: 128 << (capabilities & bit.PCI_EXP_DEVCAP_PAYLOAD),
    functionLevelReset: (capabilities & bit.PCI_EXP_DEVCAP_FLR) !== 0,
  }
}

/** The eight bytes after the header, the last one first. */
function serialNumber(view: DataView): string {
  const bytes = Array.from({ length: 8 }, (_, i) => view.getUint8(11 - i))
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join('-')
}

function vendorSpecificExtended(view: DataView): DecodedFields['vendor-specific-extended'] {
  const header = view.getUint32(register.PCI_VNDR_HEADER, deviceOrder)
  return { vsecId: header & 0xffff, revision: (header >>> 16) & 0xf, length: header >>> 20 }
}

function accessControlServices(view: DataView): DecodedFields['access-control-services'] {
  return {
    sourceValidation: has(view, register.PCI_ACS_CAP, bit.PCI_ACS_SV),
    requestRedirect: has(view, register.PCI_ACS_CAP, bit.PCI_ACS_RR),
    completionRedirect: has(view, register.PCI_ACS_CAP, bit.PCI_ACS_CR),
    upstreamForwarding: has(view, register.PCI_ACS_CAP, bit.PCI_ACS_UF),
    control: view.getUint16(register.PCI_ACS_CTRL, deviceOrder),
  }
}

function srIov(view: DataView): DecodedFields['sr-iov'] {
  return {
    enabled: has(view, register.PCI_SRIOV_CTRL, bit.PCI_SRIOV_CTRL_VFE),
    initialVfs: view.getUint16(register.PCI_SRIOV_INITIAL_VF, deviceOrder),
    totalVfs: view.getUint16(register.PCI_SRIOV_TOTAL_VF, deviceOrder),
    numVfs: view.getUint16(register.PCI_SRIOV_NUM_VF, deviceOrder),
    firstVfOffset: view.getUint16(register.PCI_SRIOV_VF_OFFSET, deviceOrder),
    vfStride: view.getUint16(register.PCI_SRIOV_VF_STRIDE, deviceOrder),
    vfDeviceId: view.getUint16(register.PCI_SRIOV_VF_DID, deviceOrder),
  }
}
