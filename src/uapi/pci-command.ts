/** Bits of the command register: PCI_COMMAND_… of linux/pci_regs.h. */
export const commandBit = {
  io: 0x001,
  memory: 0x002,
  busMaster: 0x004,
  parityErrorResponse: 0x040,
  serrEnable: 0x100,
  interruptDisable: 0x400,
} as const

export type CommandBit = keyof typeof commandBit

/** PCI_STATUS_CAP_LIST: the capability pointer points at something. */
export const statusCapabilityList = 0x10
