// The PCI devices the guest has unless told otherwise, at fixed addresses so that groups are predictable.
// Bus numbers follow from the order of the bridges: 04.0 leads to bus 1, 05.0 to 2, 06.0 to 3, 07.0 to 4.

/** 02:01.0 and 02:02.0: behind a conventional bridge, so in one group. */
const conventional = ['pcie-pci-bridge,id=bridge,addr=0x5', 'edu,bus=bridge,addr=0x1', 'edu,bus=bridge,addr=0x2']

/** Devices of a PC, with what is on bus 2. @param {string[]} bus2 */
const withBus2 = (bus2) => [
  // 00:03.0: alone in its group, cannot be reset.
  'edu,addr=0x3',
  // 01:00.0: the same device behind a root port, so resettable.
  'pcie-root-port,id=port1,chassis=1,addr=0x4',
  'edu,bus=port1',
  ...bus2,
  // 03:00.0: INTx, MSI, MSI-X and a ROM. Ports of more than 5 GT/s never say that their link is up again after a reset.
  'pcie-root-port,id=port2,chassis=2,addr=0x6,x-speed=5',
  'e1000e,bus=port2',
  // 04:00.0: function level reset, SR-IOV.
  'pcie-root-port,id=port3,chassis=3,addr=0x7,x-speed=5',
  'nvme-subsys,id=subsystem',
  'nvme,bus=port3,serial=vfioctl,subsys=subsystem,sriov_max_vfs=4,sriov_vq_flexible=8,sriov_vi_flexible=4,max_ioqpairs=10,msix_qsize=8',
  // 00:08.0 to 00:0b.0: ioeventfd counters, a BAR smaller than a page, a framebuffer, changeable MSI-X.
  'pci-testdev,addr=0x8',
  'ivshmem-plain,memdev=shared,addr=0x9',
  'bochs-display,addr=0xa',
  'qemu-xhci,addr=0xb',
  // 00:0c.0: an NVMe disk that may have several controllers, so the kernel has it below none of them.
  'nvme-subsys,id=shared-disk',
  'nvme,id=disk-controller,addr=0xc,serial=disk,subsys=shared-disk',
  'nvme-ns,drive=disk,bus=disk-controller',
]

export const defaultDevices = withBus2(conventional)

/** The same without anything conventional: QEMU's virtio-iommu does not know what is behind such a bridge. */
export const expressDevices = withBus2(['pcie-root-port,id=bridge,chassis=8,addr=0x5'])

/**
 * A mainframe's in their place: subchannels with a device whose driver can be taken away, 0.0.0000 and 0.0.0001.
 */
export const subchannels = ['virtio-rng-ccw,devno=fe.0.0314', 'virtio-rng-ccw,devno=fe.0.0315']

/**
 * Devices that only a newer QEMU has, and one to lose. 05:00.0: a network card with SR-IOV, of which Linux's driver serves
 * the functions too. 06:00.0: alone in a slot whose power is switched off.
 */
export const newerDevices = [
  'pcie-root-port,id=port4,chassis=4,addr=0xd',
  'igb,bus=port4',
  'pcie-root-port,id=port5,chassis=5,addr=0xe',
  'edu,bus=port5',
]

/** A VGA card at 00:10.0; 05:00.0: a network card of virtio's, for which newer kernels have a driver of VFIO. */
export const displayDevices = [
  'VGA,addr=0x10',
  'pcie-root-port,id=port4,chassis=4,addr=0xd',
  'virtio-net-pci,bus=port4',
]
