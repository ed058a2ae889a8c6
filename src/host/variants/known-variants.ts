/** A driver of VFIO for particular devices, as far as vfioctl knows it. */
export interface KnownVariant {
  readonly driver: string
  /** A sentence without a full stop: what it does beyond vfio-pci, by drivers/vfio/pci of Linux. */
  readonly brings: string
}

/** By the name of the module. Drivers that are not in it are chosen all the same. */
const known: Readonly<Record<string, KnownVariant>> = {
  vfio_pci: { driver: 'vfio-pci', brings: 'takes any PCI endpoint' },
  mlx5_vfio_pci: {
    driver: 'mlx5_vfio_pci',
    brings:
      'live migration of virtual functions of NVIDIA ConnectX and BlueField network cards, with pre-copy and dirty page tracking',
  },
  hisi_acc_vfio_pci: {
    driver: 'hisi_acc_vfio_pci',
    brings: "live migration of virtual functions of HiSilicon's accelerators (SEC, HPRE, ZIP)",
  },
  pds_vfio_pci: {
    driver: 'pds_vfio_pci',
    brings: 'live migration of virtual functions of AMD Pensando DSCs, with dirty page tracking',
  },
  virtio_vfio_pci: {
    driver: 'virtio_vfio_pci',
    brings:
      'live migration of virtual functions of virtio network and block devices, and legacy I/O of network ones, if their physical function can',
  },
  nvgrace_gpu_vfio_pci: {
    driver: 'nvgrace_gpu_vfio_pci',
    brings: 'the coherent memory of GPUs of NVIDIA Grace Hopper and Grace Blackwell, as BARs of the device',
  },
  qat_vfio_pci: {
    driver: 'qat_vfio_pci',
    brings: "live migration of virtual functions of Intel's QAT accelerators",
  },
  xe_vfio_pci: {
    driver: 'xe_vfio_pci',
    brings: "live migration of virtual functions of Intel's GPUs, with the card's driver xe",
  },
  ism_vfio_pci: {
    driver: 'ism_vfio_pci',
    brings: "IBM's Internal Shared Memory (ISM) devices on s390x, which take other PCI instructions than vfio-pci's",
  },
}

/** Null for a module that vfioctl does not know. */
export function knownVariant(module: string): KnownVariant | null {
  const name = module.replaceAll('-', '_')
  return Object.hasOwn(known, name) ? (known[name] ?? null) : null
}
