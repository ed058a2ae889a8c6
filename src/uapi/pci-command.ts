/** Bits of the command register (linux/pci_regs.h, PCI_COMMAND). */
export const commandBit = {
  PCI_COMMAND_IO: 0x001,
  PCI_COMMAND_MEMORY: 0x002,
  PCI_COMMAND_MASTER: 0x004,
} as const

/** Bits of the status register (PCI_STATUS): the capability pointer points at something. */
export const statusBit = { PCI_STATUS_CAP_LIST: 0x10 } as const
