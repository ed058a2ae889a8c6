import type { RecordedHost } from '../../kernel/recording/recorded-host.ts'
import type { KernelVersion, PageSize } from '../base/kernel-traits.ts'

/** Parts of a mock machine: plain data, so that a scenario can be a JSON file (`read-scenario.ts`). */
export interface Scenario {
  readonly name: string
  /** Linux version that it answers as: '6.1' if absent. */
  readonly kernel?: KernelVersion
  /** Bytes of its pages, as that Linux was built: 4096 if absent. */
  readonly pageSize?: PageSize
  /** Loaded modules and their parameters, as /sys/module shows them. */
  readonly modules: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Drivers of VFIO for particular PCI devices, as modules.alias has them; those in `modules` are loaded at first. */
  readonly variantDrivers?: readonly ScenarioVariantDriver[]
  readonly pci: readonly ScenarioPciDevice[]
  readonly parents: readonly ScenarioParent[]
  /** The crypto cards of an IBM Z. */
  readonly ap?: ScenarioAp
  /** The channel subsystem of an IBM Z. */
  readonly css?: readonly ScenarioSubchannel[]
  /** Devices that firmware or the kernel names, and no bus finds. */
  readonly platform?: readonly ScenarioPlatformDevice[]
  /** The framebuffer that the firmware has set up on one of the displays. */
  readonly framebuffer?: ScenarioFramebuffer
  /** The IOMMU sees to it that a device raises no interrupts but its own; true if absent. */
  readonly isolatesInterrupts?: boolean
  /** Bytes of memory that a process may lock, as of one without CAP_IPC_LOCK; no limit if absent. */
  readonly lockedMemory?: number
  /** The writable disk at first: text files, and null for a directory. */
  readonly disk: Readonly<Record<string, string | null>>
  /**
   * A host as `vfioctl capture` recorded it, which is read in place of all the rest; the lists above are empty then.
   */
  readonly recorded?: RecordedHost
}

/** A framebuffer on BAR 0 of a PCI device, with the host's console. */
export interface ScenarioFramebuffer {
  /** Address of the PCI device, which has a `function`. */
  readonly device: string
  /** The driver that shows it until one for the display itself comes; with '.0' it is the platform device's name. */
  readonly driver: 'efi-framebuffer' | 'vesa-framebuffer' | 'simple-framebuffer'
  readonly bytes: number
}

/** A driver that is built upon vfio-pci for particular devices; opened through it, they are as with vfio-pci. */
export interface ScenarioVariantDriver {
  /** 'mlx5_vfio_pci' */
  readonly module: string
  /** Its name on the bus; that of the module if absent. */
  readonly driver?: string
  /**
   * The devices, as their aliases in modules.alias have them behind `vfio_pci:`: 'v000015B3d0000101Esv*sd*bc*sc*i*'.
   */
  readonly aliases: readonly string[]
  /** The words of modprobe, which cannot load it: 'Key was rejected by service'. Absent if it can. */
  readonly loadFails?: string
}

/** A PCI device of a simulated machine. */
export interface ScenarioPciDevice {
  /** Long form: '0000:3b:00.0'. */
  readonly address: string
  /** Addresses of the bridges above it, from the root down. */
  readonly behind?: readonly string[]
  /** As sysfs writes them: '0x10de', class '0x030200', revision '0xa1'. */
  readonly vendor: string
  readonly device: string
  readonly subsystemVendor: string
  readonly subsystemDevice: string
  readonly class: string
  readonly revision: string
  /** The driver that has it at first, and takes it again when it is free. */
  readonly driver: string | null
  readonly iommuGroup: number | null
  /** The kernel makes its group when a first driver is offered it, as on arm64; it is there at once if absent. */
  readonly groupedWhenProbed?: boolean
  readonly numaNode: number
  /** It answers no read until it is reset by this method, or removed and found again. */
  readonly hungUntil?: 'flr' | 'pm' | 'bus' | 'rescan'
  /** The endpoint as vfio-pci finds it; if absent, one that has nothing but its ids. */
  readonly function?: ScenarioPciFunction
  /** A physical function that can be split into virtual ones. */
  readonly sriov?: ScenarioSriov
  /** Of a GPU whose driver makes vGPUs of its virtual functions. */
  readonly vgpus?: ScenarioVgpus
  /** Of an Intel GPU with the driver xe, whose virtual functions share it. */
  readonly xe?: ScenarioXe
  /** Of an AMD GPU with the driver gim, which makes its virtual functions as it is loaded. */
  readonly gim?: ScenarioGim
}

/** The division of an AMD GPU among its virtual functions, as gim tells it. */
export interface ScenarioGim {
  /** The index of the profile that it has, of those that it can have. */
  readonly profile: number
  readonly profiles: readonly ScenarioGimProfile[]
  /** The memory mode that it has, and those that it can have: 'NPS1'. */
  readonly memory: string
  readonly memoryModes: readonly string[]
  /** The engines of the whole GPU. */
  readonly engines: Readonly<Record<'xcc' | 'sdma' | 'vcn' | 'jpeg', number>>
}

/** A way to divide such a GPU. */
export interface ScenarioGimProfile {
  readonly index: number
  readonly type: 'SPX' | 'DPX' | 'QPX' | 'CPX'
  readonly partitions: number
  readonly memory: readonly string[]
}

/** The part of an Intel GPU that its virtual functions can have. */
export interface ScenarioXe {
  /** Bytes of VRAM; 0 of a GPU that is part of the processor. */
  readonly vram: number
}

/**
 * NVIDIA's vendor-specific VFIO: a type that is written to a virtual function makes a vGPU of it, without a mediated
 * device and its UUID.
 */
export interface ScenarioVgpus {
  /** NVIDIA's own driver (vGPU 17 and later), or the one proposed for the kernel: they answer differently. */
  readonly driverModel: 'proprietary' | 'open'
  /** Resources that all types share, such as 49152 MiB of framebuffer. */
  readonly capacity: Readonly<Record<string, number>>
  /** While a type is in use, the card refuses the others. The open driver knows nothing else. */
  readonly oneTypeAtATime: boolean
  /**
   * The card can mix framebuffer sizes once `nvidia-smi vgpu -shm 1` has said so; until then it takes one size at a
   * time.
   */
  readonly heterogeneous?: boolean
  /** The card can be cut into GPU instances. */
  readonly mig?: ScenarioMig
  readonly types: readonly ScenarioVgpuType[]
}

/** Multi-Instance GPU: what a card's memory and engines can be cut into. */
export interface ScenarioMig {
  /** Units of its memory, which `nvidia-smi mig -lgipp` counts placements in: 12. */
  readonly units: number
  /** MIG mode outlives a reboot: kept in the card's InfoROM, or lost with its driver. */
  readonly survivesReboot: boolean
  readonly profiles: readonly ScenarioMigProfile[]
}

/** A size of GPU instance, as `nvidia-smi mig -lgip` lists it. */
export interface ScenarioMigProfile {
  /** 47 */
  readonly id: number
  /** '1g.24gb+gfx' */
  readonly name: string
  /** The units of memory that one takes, from a multiple of them on. */
  readonly units: number
  readonly memoryGib: number
  /** Multiprocessors, copy engines, decoders, encoders, JPEG and optical flow engines. */
  readonly engines: Readonly<Record<'sm' | 'ce' | 'dec' | 'enc' | 'jpeg' | 'ofa', number>>
}

/** A vGPU type of vendor-specific VFIO. */
export interface ScenarioVgpuType {
  /** Number that is written to `current_vgpu_type`: 1147. */
  readonly id: number
  /** 'NVIDIA L40S-1Q'. */
  readonly name: string
  /** Resources that one vGPU takes of the card's capacity. */
  readonly uses: Readonly<Record<string, number>>
  /** It takes a GPU instance of this profile, which so many of its framebuffer size share at most. */
  readonly gpuInstance?: { readonly profile: number; readonly most: number }
  readonly model: ScenarioModel
}

/** Single root I/O virtualization: a physical function's virtual functions, as its capability describes them. */
export interface ScenarioSriov {
  readonly totalVfs: number
  /**
   * The first one's routing id after the physical function's (bus << 8 | device << 3 | function), and from one to the
   * next.
   */
  readonly offset: number
  readonly stride: number
  /** Their device id: '0x0010'. */
  readonly vfDevice: string
  /** The driver that takes them; null if none does. */
  readonly vfDriver: string | null
  readonly vfFunction?: ScenarioPciFunction
  /** The physical function's own driver makes them when `sriov_numvfs` is written; else it refuses (ENOENT). */
  readonly driverConfigures: boolean
  /** Its driver makes all of them, whatever number is written (Intel's QAT). */
  readonly makesAll?: boolean
  /** Number of virtual functions at first: none if absent. */
  readonly enabled?: number
}

/** The crypto cards of an IBM Z. */
export interface ScenarioAp {
  /** The highest numbers that the machine knows, up to 255. */
  readonly maxAdapter: number
  readonly maxDomain: number
  /** Cards that are there, such as { id: 5, type: 'CEX7P' }, and the domains that this host has of each. */
  readonly adapters: readonly { readonly id: number; readonly type: string }[]
  readonly domains: readonly number[]
  /** Masks kept for the host at first: '0x' and up to 64 hex digits, of which the leftmost bit is number 0. */
  readonly apmask: string
  readonly aqmask: string
}

/** An I/O subchannel of an IBM Z and the device behind it. */
export interface ScenarioSubchannel {
  /** '0.0.0313', and the device behind it: '0.0.1234'. */
  readonly id: string
  readonly device: string
  /** As sysfs shows them: '3390/0c' and '3990/e9'. */
  readonly deviceType: string
  readonly controlUnit: string
  readonly chpids: string
  readonly pimpampom: string
  readonly driver: 'io_subchannel' | 'vfio_ccw' | null
}

/** A platform device, which can be given to drivers, but for vfio-platform: it knows no way to reset any of them. */
export interface ScenarioPlatformDevice {
  /** 'e0700000.xgmac' */
  readonly name: string
  /** The driver that has it at first, and takes it again when it is free. */
  readonly driver: string | null
  /** Others that take it if they are named for it. */
  readonly drivers?: readonly string[]
  /** A group of its own, which no PCI device has; null if no IOMMU is in front of it. */
  readonly iommuGroup: number | null
}

/** An endpoint as vfio-pci finds it. */
export interface ScenarioPciFunction {
  /** Model behind its BARs: a device of QEMU's, or memory that keeps what is written to it. */
  readonly kind: 'edu' | 'nvme' | 'pci-testdev' | 'memory' | 'registered'
  /** Of an NVMe controller, up to 20 characters. */
  readonly serial?: string
  /** Bytes of its configuration space: 256, or 4096 of PCI Express. */
  readonly configSize: 256 | 4096
  /** The configuration space's bytes at power-on, if they are not zero, in hex by their offset in hex ('0x40'). */
  readonly config: Readonly<Record<string, string>>
  /** Bytes of each BAR, a power of two, by its index '0' to '5'; its kind and address stand in `config`. */
  readonly bars: Readonly<Record<string, number>>
  /** Resizable BARs: bytes that each can have, powers of two from 1 MiB on, by its index. */
  readonly resizable?: Readonly<Record<string, readonly number[]>>
  /** Bytes of the window of the bridge above it, for all of its resizable BARs; any if absent. */
  readonly window?: number
  /** Bytes of the expansion ROM, or 0. */
  readonly rom: number
  /** True if it can be reset. */
  readonly reset: boolean
}

/** A device whose driver offers mediated devices. */
export interface ScenarioParent {
  /** A PCI address of the list above, a subchannel, 'matrix' of vfio_ap, or the name of a virtual device. */
  readonly name: string
  /**
   * Of a virtual function that carries one device (NVIDIA's cards before vGPU 17): its card, all of which share the
   * capacity.
   */
  readonly card?: string
  /** The class of a virtual device: it stands at /sys/devices/virtual/CLASS/NAME. */
  readonly virtualClass?: string
  /** The driver on the mdev bus, and its module. */
  readonly driver: string
  readonly module: string
  readonly deviceApi: string
  /** Resources that all types share, such as 24 ports or 16384 MiB of framebuffer. */
  readonly capacity: Readonly<Record<string, number>>
  /** While a type is in use, the others offer nothing (NVIDIA's time-sliced vGPUs). */
  readonly oneTypeAtATime: boolean
  /** Errno of the driver for one device too many. */
  readonly whenFull: 'ENOSPC' | 'EUSERS' | 'EINVAL'
  readonly attributes: readonly ScenarioAttribute[]
  readonly types: readonly ScenarioMdevType[]
}

/** A type of mediated devices that a parent offers. */
export interface ScenarioMdevType {
  /** 'mtty-2'. */
  readonly id: string
  readonly name: string
  /** May be of several lines; null if the driver has no description file. */
  readonly description: string | null
  /** Resources that one device takes of the parent's capacity. */
  readonly uses: Readonly<Record<string, number>>
  readonly model: ScenarioModel
  /** Of its devices, beside those of all devices of the parent. */
  readonly attributes?: readonly ScenarioAttribute[]
}

/**
 * An attribute of each mediated device: '{uuid}' and '{ordinal}' (from 1, the lowest free) in its value are filled in.
 */
export interface ScenarioAttribute {
  /** One name, or two: 'nvidia/vgpu_params'. */
  readonly path: string
  readonly value: string
  readonly access: 'r' | 'rw'
  /** The driver takes the last byte of every write for a newline and drops it. */
  readonly dropsLastByte?: boolean
}

/** Behaviour of a device once it is opened (`devices/`). */
export type ScenarioModel =
  | { readonly kind: 'mtty'; readonly ports: 1 | 2 }
  /** A screen of so many pixels. */
  | { readonly kind: 'mdpy'; readonly width: number; readonly height: number }
  /** Video memory, a power of two, and the pixels of the screen at most; 0 for any. */
  | { readonly kind: 'mbochs'; readonly megabytes: number; readonly maxWidth: number; readonly maxHeight: number }
  /** Drivers of the crypto domains of an IBM Z, and of one channel device of it. */
  | { readonly kind: 'vfio-ap' | 'vfio-ccw' }
  /** One that a test registered with its host, by the name it has there. */
  | { readonly kind: 'registered'; readonly name: string }
  /** As NVIDIA's drivers make one. */
  | ({ readonly kind: 'vgpu'; readonly framebufferMiB: number } & ScenarioIds)
  /** Bytes of BAR0, a power of two, at least 4096. */
  | ({ readonly kind: 'plain'; readonly barSize: number } & ScenarioIds)

/** The PCI ids of a device model. */
export interface ScenarioIds {
  readonly vendor: number
  readonly device: number
  readonly subsystemVendor: number
  readonly subsystemDevice: number
  /** 24 bits: base class, subclass, programming interface. */
  readonly class: number
  readonly revision: number
}
