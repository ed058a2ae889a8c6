import type { Clock } from '../base/clock.ts'

/** The model of a PCI function: what is behind its BARs. vfio-pci, the driver, stands between it and who opened it. */
export interface PciFunctionModel {
  /** One load of `into.length` bytes, 1, 2, 4 or 8, from a BAR. */
  load(bar: number, offset: number, into: Uint8Array): void
  /** One store likewise. */
  store(bar: number, offset: number, from: Uint8Array): void
  /** The function is reset, by itself or with its bus. */
  reset(): void
  /** Nobody has it open any more: what it was about to do does not happen. */
  close(): void
  /** The state as JSON can hold it; given back to the model's maker when the device is opened again. */
  save(): unknown
}

/** Makes the model of a function whenever it is opened; `saved` is what the one before it saved, and null at first. */
export type MakeFunction = (bus: PciBus, saved: unknown) => PciFunctionModel

/** Interrupts, memory and time of a PCI function. */
export interface PciBus {
  readonly clock: Clock
  /** Message-signalled interrupts are on: INTx is not to be used. */
  readonly hasMessages: boolean
  /** One message: nothing comes of it while bus mastering is off. */
  sendMessage(vector: number): void
  /** The level of INTx. */
  setIntx(asserted: boolean): void
  /** False, and nothing moved from there on, if bus mastering is off or the IOMMU does not let it pass. */
  readMemory(address: bigint, into: Uint8Array): boolean
  /** Writes memory likewise. */
  writeMemory(address: bigint, from: Uint8Array): boolean
}
