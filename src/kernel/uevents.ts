/** What the kernel tells udev of a device (NETLINK_KOBJECT_UEVENT): it appeared, changed or went. */
export interface Uevent {
  /** Counts up by one from event to event: a gap says that some were missed. */
  readonly seqnum: number
  readonly action: 'add' | 'remove' | 'change' | 'bind' | 'unbind'
  /** Below /sys: '/devices/virtual/mtty/mtty/83b8f4f2-…'. */
  readonly devpath: string
  /** 'pci', 'mdev', 'vfio', 'vfio-dev', … */
  readonly subsystem: string
  /** What else it says: DRIVER, PCI_SLOT_NAME, MDEV_STATE, DEVNAME, … */
  readonly properties: Readonly<Record<string, string>>
}
