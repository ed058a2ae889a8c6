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

/** The name of an id, or null where it has none here. */
export function capabilityName(id: number): CapabilityName | null {
  return names.get(id) ?? null
}

export function extendedCapabilityName(id: number): ExtendedCapabilityName | null {
  return extendedNames.get(id) ?? null
}

const names = namesById<CapabilityName>(capabilityIds)
const extendedNames = namesById<ExtendedCapabilityName>(extendedCapabilityIds)

function namesById<Name extends string>(
  ids: Readonly<Record<Name, { readonly id: number }>>,
): ReadonlyMap<number, Name> {
  const found = new Map<number, Name>()
  for (const name in ids) found.set(ids[name].id, name)
  return found
}
