/** What a capability says, by name: numbers, and yes or no. Sizes and offsets are in bytes. */
export type PciCapabilityFields = Readonly<Record<string, number | boolean>>

/** Byte lengths of what is decoded, and how (linux/pci_regs.h, PCI_MSI_…, PCI_MSIX_…, PCI_PM_…, PCI_EXP_…, PCI_SRIOV_…). */
const decoders: Readonly<Record<string, { length: number; decode: (view: DataView) => PciCapabilityFields }>> = {
  'power-management': {
    length: 6,
    decode(view) {
      const control = view.getUint16(4, true)
      return { version: view.getUint16(2, true) & 0x7, powerState: control & 0x3, noSoftReset: (control & 0x8) !== 0 }
    },
  },
  msi: {
    length: 4,
    decode(view) {
      const control = view.getUint16(2, true)
      return {
        enabled: (control & 0x1) !== 0,
        vectors: 1 << ((control >> 1) & 0x7),
        enabledVectors: 1 << ((control >> 4) & 0x7),
        address64: (control & 0x80) !== 0,
        maskable: (control & 0x100) !== 0,
      }
    },
  },
  'msi-x': {
    length: 12,
    decode(view) {
      const control = view.getUint16(2, true)
      const [table, pending] = [view.getUint32(4, true), view.getUint32(8, true)]
      return {
        enabled: (control & 0x8000) !== 0,
        masked: (control & 0x4000) !== 0,
        vectors: (control & 0x7ff) + 1,
        tableBar: table & 0x7,
        tableOffset: (table & ~0x7) >>> 0,
        pendingBar: pending & 0x7,
        pendingOffset: (pending & ~0x7) >>> 0,
      }
    },
  },
  'pci-express': {
    length: 8,
    decode(view) {
      const flags = view.getUint16(2, true)
      return {
        version: flags & 0xf,
        portType: (flags >> 4) & 0xf,
        maxPayload: 128 << (view.getUint32(4, true) & 0x7),
        functionLevelReset: (view.getUint32(4, true) & 0x1000_0000) !== 0,
      }
    },
  },
  'vendor-specific': { length: 3, decode: (view) => ({ length: view.getUint8(2) }) },
  'sr-iov': {
    length: 0x1c,
    decode(view) {
      return {
        enabled: (view.getUint16(0x08, true) & 0x1) !== 0,
        initialVfs: view.getUint16(0x0c, true),
        totalVfs: view.getUint16(0x0e, true),
        numVfs: view.getUint16(0x10, true),
        firstVfOffset: view.getUint16(0x14, true),
        vfStride: view.getUint16(0x16, true),
        vfDeviceId: view.getUint16(0x1a, true),
      }
    },
  },
}

/** The fields of the capability at `at`; none for one that we do not decode, or that the space ends in. */
export function decodeCapability(name: string, view: DataView, at: number): PciCapabilityFields {
  const decoder = decoders[name]
  if (decoder === undefined || at + decoder.length > view.byteLength) return {}
  return decoder.decode(new DataView(view.buffer, view.byteOffset + at, decoder.length))
}
