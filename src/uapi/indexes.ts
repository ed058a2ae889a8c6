import type { DeviceFlags } from './device-info.ts'

/** Region indexes of a PCI device (linux/vfio.h); from VFIO_PCI_NUM_REGIONS on they are the device's own. */
export const pciRegionIndex = {
  VFIO_PCI_BAR0_REGION_INDEX: 0,
  VFIO_PCI_BAR1_REGION_INDEX: 1,
  VFIO_PCI_BAR2_REGION_INDEX: 2,
  VFIO_PCI_BAR3_REGION_INDEX: 3,
  VFIO_PCI_BAR4_REGION_INDEX: 4,
  VFIO_PCI_BAR5_REGION_INDEX: 5,
  VFIO_PCI_ROM_REGION_INDEX: 6,
  VFIO_PCI_CONFIG_REGION_INDEX: 7,
  VFIO_PCI_VGA_REGION_INDEX: 8,
  VFIO_PCI_NUM_REGIONS: 9,
} as const

/** The interrupt indexes of vfio-pci (VFIO_PCI_*_IRQ_INDEX). */
export const pciIrqIndex = {
  VFIO_PCI_INTX_IRQ_INDEX: 0,
  VFIO_PCI_MSI_IRQ_INDEX: 1,
  VFIO_PCI_MSIX_IRQ_INDEX: 2,
  VFIO_PCI_ERR_IRQ_INDEX: 3,
  VFIO_PCI_REQ_IRQ_INDEX: 4,
} as const

export const ccwRegionIndex = { VFIO_CCW_CONFIG_REGION_INDEX: 0 } as const

export const ccwIrqIndex = {
  VFIO_CCW_IO_IRQ_INDEX: 0,
  VFIO_CCW_CRW_IRQ_INDEX: 1,
  VFIO_CCW_REQ_IRQ_INDEX: 2,
} as const

export const apIrqIndex = { VFIO_AP_REQ_IRQ_INDEX: 0, VFIO_AP_CFG_CHG_IRQ_INDEX: 1 } as const

const pciRegions = ['bar0', 'bar1', 'bar2', 'bar3', 'bar4', 'bar5', 'rom', 'config', 'vga']
const pciIrqs = ['intx', 'msi', 'msix', 'err', 'req']
const ccwRegions = ['config']
const ccwIrqs = ['io', 'crw', 'req']
const apIrqs = ['req', 'cfg-chg']

/** 'bar0', 'config'… where the kind of device gives the index a name, else 'region9'. */
export function regionName(device: DeviceFlags, index: number): string {
  const names = device.pci ? pciRegions : device.ccw ? ccwRegions : []
  return names[index] ?? `region${index}`
}

/** 'intx', 'msi'… where the kind of device gives the index a name, else 'irq3'. */
export function irqName(device: DeviceFlags, index: number): string {
  const names = device.pci ? pciIrqs : device.ccw ? ccwIrqs : device.ap ? apIrqs : []
  return names[index] ?? `irq${index}`
}
