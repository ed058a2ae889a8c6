/** A message of the kernel to udev about a device (NETLINK_KOBJECT_UEVENT): it appeared, changed or went. */
export interface Uevent {
  /**
   * Counts up over all of the kernel's events, of which other network namespaces may have heard some that we did not.
   */
  readonly seqnum: number
  /** 'add', 'remove', 'change', 'bind', 'unbind', 'move', 'online', 'offline'. */
  readonly action: string
  /** Below /sys: '/devices/virtual/mtty/mtty/83b8f4f2-…'. */
  readonly devpath: string
  /** 'pci', 'mdev', 'vfio', 'vfio-dev', … */
  readonly subsystem: string
  /** Its other properties: DRIVER, PCI_SLOT_NAME, MDEV_STATE, DEVNAME ('/dev/vfio/7'), … */
  readonly properties: Readonly<Record<string, string>>
}
