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
