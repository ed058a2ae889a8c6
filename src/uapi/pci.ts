/**
 * The standard header of an ordinary (type 0) PCI function, by field: its macro in linux/pci_regs.h, its byte offset in
 * configuration space, and its width in bits.
 */
export const configHeader = {
  vendorId: { macro: 'PCI_VENDOR_ID', offset: 0x00, width: 16 },
  deviceId: { macro: 'PCI_DEVICE_ID', offset: 0x02, width: 16 },
  command: { macro: 'PCI_COMMAND', offset: 0x04, width: 16 },
  status: { macro: 'PCI_STATUS', offset: 0x06, width: 16 },
  revisionId: { macro: 'PCI_REVISION_ID', offset: 0x08, width: 8 },
  programmingInterface: { macro: 'PCI_CLASS_PROG', offset: 0x09, width: 8 },
  /** Base class in the high byte, subclass in the low one. */
  classCode: { macro: 'PCI_CLASS_DEVICE', offset: 0x0a, width: 16 },
  cacheLineSize: { macro: 'PCI_CACHE_LINE_SIZE', offset: 0x0c, width: 8 },
  latencyTimer: { macro: 'PCI_LATENCY_TIMER', offset: 0x0d, width: 8 },
  headerType: { macro: 'PCI_HEADER_TYPE', offset: 0x0e, width: 8 },
  bar0: { macro: 'PCI_BASE_ADDRESS_0', offset: 0x10, width: 32 },
  bar1: { macro: 'PCI_BASE_ADDRESS_1', offset: 0x14, width: 32 },
  bar2: { macro: 'PCI_BASE_ADDRESS_2', offset: 0x18, width: 32 },
  bar3: { macro: 'PCI_BASE_ADDRESS_3', offset: 0x1c, width: 32 },
  bar4: { macro: 'PCI_BASE_ADDRESS_4', offset: 0x20, width: 32 },
  bar5: { macro: 'PCI_BASE_ADDRESS_5', offset: 0x24, width: 32 },
  subsystemVendorId: { macro: 'PCI_SUBSYSTEM_VENDOR_ID', offset: 0x2c, width: 16 },
  subsystemId: { macro: 'PCI_SUBSYSTEM_ID', offset: 0x2e, width: 16 },
  expansionRom: { macro: 'PCI_ROM_ADDRESS', offset: 0x30, width: 32 },
  capabilityPointer: { macro: 'PCI_CAPABILITY_LIST', offset: 0x34, width: 8 },
  interruptLine: { macro: 'PCI_INTERRUPT_LINE', offset: 0x3c, width: 8 },
  interruptPin: { macro: 'PCI_INTERRUPT_PIN', offset: 0x3d, width: 8 },
} as const

/** Bits of the command register (linux/pci_regs.h, PCI_COMMAND). */
export const commandBit = {
  PCI_COMMAND_IO: 0x001,
  PCI_COMMAND_MEMORY: 0x002,
  PCI_COMMAND_MASTER: 0x004,
} as const

/** Bits of the status register (PCI_STATUS): the capability pointer points at something. */
export const statusBit = { PCI_STATUS_CAP_LIST: 0x10 } as const

/** Registers of PCI capabilities, as byte offsets from the capability, and their bits (linux/pci_regs.h). */
export const capabilityRegister = {
  PCI_PM_PMC: 0x02,
  PCI_PM_CTRL: 0x04,
  PCI_MSI_FLAGS: 0x02,
  PCI_MSI_ADDRESS_LO: 0x04,
  PCI_MSI_DATA_32: 0x08,
  PCI_MSI_DATA_64: 0x0c,
  PCI_MSIX_FLAGS: 0x02,
  PCI_MSIX_TABLE: 0x04,
  PCI_MSIX_PBA: 0x08,
  PCI_EXP_FLAGS: 0x02,
  PCI_EXP_DEVCAP: 0x04,
  PCI_VNDR_HEADER: 0x04,
  PCI_ACS_CAP: 0x04,
  PCI_ACS_CTRL: 0x06,
  PCI_ATS_CTRL: 0x06,
  PCI_SRIOV_CTRL: 0x08,
  PCI_SRIOV_INITIAL_VF: 0x0c,
  PCI_SRIOV_TOTAL_VF: 0x0e,
  PCI_SRIOV_NUM_VF: 0x10,
  PCI_SRIOV_VF_OFFSET: 0x14,
  PCI_SRIOV_VF_STRIDE: 0x16,
  PCI_SRIOV_VF_DID: 0x1a,
} as const

/** Bits and masks of registers in PCI capabilities (linux/pci_regs.h). */
export const capabilityBit = {
  PCI_PM_CAP_VER_MASK: 0x7,
  PCI_PM_CTRL_STATE_MASK: 0x3,
  PCI_PM_CTRL_NO_SOFT_RESET: 0x8,
  PCI_MSI_FLAGS_ENABLE: 0x1,
  PCI_MSI_FLAGS_QMASK: 0xe,
  PCI_MSI_FLAGS_QSIZE: 0x70,
  PCI_MSI_FLAGS_64BIT: 0x80,
  PCI_MSI_FLAGS_MASKBIT: 0x100,
  PCI_MSIX_FLAGS_QSIZE: 0x7ff,
  PCI_MSIX_FLAGS_MASKALL: 0x4000,
  PCI_MSIX_FLAGS_ENABLE: 0x8000,
  PCI_MSIX_TABLE_BIR: 0x7,
  PCI_MSIX_PBA_BIR: 0x7,
  PCI_EXP_FLAGS_VERS: 0xf,
  PCI_EXP_FLAGS_TYPE: 0xf0,
  PCI_EXP_DEVCAP_PAYLOAD: 0x7,
  PCI_EXP_DEVCAP_FLR: 0x1000_0000,
  PCI_ACS_SV: 0x1,
  PCI_ACS_RR: 0x4,
  PCI_ACS_CR: 0x8,
  PCI_ACS_UF: 0x10,
  PCI_ATS_CTRL_ENABLE: 0x8000,
  PCI_SRIOV_CTRL_VFE: 0x1,
} as const

/** Standard capabilities by the names that lspci's users know: PCI_CAP_ID_… of linux/pci_regs.h. */
export const capabilityIds = {
  'power-management': { macro: 'PCI_CAP_ID_PM', id: 0x01 },
  agp: { macro: 'PCI_CAP_ID_AGP', id: 0x02 },
  vpd: { macro: 'PCI_CAP_ID_VPD', id: 0x03 },
  'slot-id': { macro: 'PCI_CAP_ID_SLOTID', id: 0x04 },
  msi: { macro: 'PCI_CAP_ID_MSI', id: 0x05 },
  'compact-pci-hot-swap': { macro: 'PCI_CAP_ID_CHSWP', id: 0x06 },
  'pci-x': { macro: 'PCI_CAP_ID_PCIX', id: 0x07 },
  hypertransport: { macro: 'PCI_CAP_ID_HT', id: 0x08 },
  'vendor-specific': { macro: 'PCI_CAP_ID_VNDR', id: 0x09 },
  'debug-port': { macro: 'PCI_CAP_ID_DBG', id: 0x0a },
  'compact-pci-resource-control': { macro: 'PCI_CAP_ID_CCRC', id: 0x0b },
  'hot-plug': { macro: 'PCI_CAP_ID_SHPC', id: 0x0c },
  'bridge-subsystem': { macro: 'PCI_CAP_ID_SSVID', id: 0x0d },
  agp3: { macro: 'PCI_CAP_ID_AGP3', id: 0x0e },
  'secure-device': { macro: 'PCI_CAP_ID_SECDEV', id: 0x0f },
  'pci-express': { macro: 'PCI_CAP_ID_EXP', id: 0x10 },
  'msi-x': { macro: 'PCI_CAP_ID_MSIX', id: 0x11 },
  sata: { macro: 'PCI_CAP_ID_SATA', id: 0x12 },
  'advanced-features': { macro: 'PCI_CAP_ID_AF', id: 0x13 },
  'enhanced-allocation': { macro: 'PCI_CAP_ID_EA', id: 0x14 },
} as const

/** Extended capabilities, those of PCI Express: PCI_EXT_CAP_ID_… of linux/pci_regs.h. */
export const extendedCapabilityIds = {
  'advanced-error-reporting': { macro: 'PCI_EXT_CAP_ID_ERR', id: 0x01 },
  'virtual-channel': { macro: 'PCI_EXT_CAP_ID_VC', id: 0x02 },
  'device-serial-number': { macro: 'PCI_EXT_CAP_ID_DSN', id: 0x03 },
  'power-budgeting': { macro: 'PCI_EXT_CAP_ID_PWR', id: 0x04 },
  'root-complex-link-declaration': { macro: 'PCI_EXT_CAP_ID_RCLD', id: 0x05 },
  'root-complex-internal-link': { macro: 'PCI_EXT_CAP_ID_RCILC', id: 0x06 },
  'root-complex-event-collector': { macro: 'PCI_EXT_CAP_ID_RCEC', id: 0x07 },
  'multi-function-virtual-channel': { macro: 'PCI_EXT_CAP_ID_MFVC', id: 0x08 },
  'virtual-channel-9': { macro: 'PCI_EXT_CAP_ID_VC9', id: 0x09 },
  'root-complex-register-block': { macro: 'PCI_EXT_CAP_ID_RCRB', id: 0x0a },
  'vendor-specific-extended': { macro: 'PCI_EXT_CAP_ID_VNDR', id: 0x0b },
  'access-control-services': { macro: 'PCI_EXT_CAP_ID_ACS', id: 0x0d },
  'alternative-routing-id': { macro: 'PCI_EXT_CAP_ID_ARI', id: 0x0e },
  'address-translation-services': { macro: 'PCI_EXT_CAP_ID_ATS', id: 0x0f },
  'sr-iov': { macro: 'PCI_EXT_CAP_ID_SRIOV', id: 0x10 },
  'mr-iov': { macro: 'PCI_EXT_CAP_ID_MRIOV', id: 0x11 },
  multicast: { macro: 'PCI_EXT_CAP_ID_MCAST', id: 0x12 },
  'page-request-interface': { macro: 'PCI_EXT_CAP_ID_PRI', id: 0x13 },
  'resizable-bar': { macro: 'PCI_EXT_CAP_ID_REBAR', id: 0x15 },
  'dynamic-power-allocation': { macro: 'PCI_EXT_CAP_ID_DPA', id: 0x16 },
  'tph-requester': { macro: 'PCI_EXT_CAP_ID_TPH', id: 0x17 },
  'latency-tolerance-reporting': { macro: 'PCI_EXT_CAP_ID_LTR', id: 0x18 },
  'secondary-pci-express': { macro: 'PCI_EXT_CAP_ID_SECPCI', id: 0x19 },
  'protocol-multiplexing': { macro: 'PCI_EXT_CAP_ID_PMUX', id: 0x1a },
  'process-address-space-id': { macro: 'PCI_EXT_CAP_ID_PASID', id: 0x1b },
  'downstream-port-containment': { macro: 'PCI_EXT_CAP_ID_DPC', id: 0x1d },
  'l1-pm-substates': { macro: 'PCI_EXT_CAP_ID_L1SS', id: 0x1e },
  'precision-time-measurement': { macro: 'PCI_EXT_CAP_ID_PTM', id: 0x1f },
  'designated-vendor-specific': { macro: 'PCI_EXT_CAP_ID_DVSEC', id: 0x23 },
  'vf-resizable-bar': { macro: 'PCI_EXT_CAP_ID_VF_REBAR', id: 0x24 },
  'data-link-feature': { macro: 'PCI_EXT_CAP_ID_DLF', id: 0x25 },
  'physical-layer-16gt': { macro: 'PCI_EXT_CAP_ID_PL_16GT', id: 0x26 },
  'physical-layer-32gt': { macro: 'PCI_EXT_CAP_ID_PL_32GT', id: 0x2a },
  'data-object-exchange': { macro: 'PCI_EXT_CAP_ID_DOE', id: 0x2e },
} as const

/** A PCI capability, by name. */
export type CapabilityName = keyof typeof capabilityIds
/** A PCI Express extended capability, by name. */
export type ExtendedCapabilityName = keyof typeof extendedCapabilityIds

/** The name of a capability by its id; null for one that is not known. */
export const capabilityName: (id: number) => CapabilityName | null = namesById<CapabilityName>(capabilityIds)

/** The name of an extended capability; null for one that is not known. */
export const extendedCapabilityName: (id: number) => ExtendedCapabilityName | null =
  namesById<ExtendedCapabilityName>(extendedCapabilityIds)

function namesById<Name extends string>(
  ids: Readonly<Record<Name, { readonly id: number }>>,
): (id: number) => Name | null {
  const found = new Map<number, Name>()
  for (const name in ids) found.set(ids[name].id, name)
  return (id) => found.get(id) ?? null
}
