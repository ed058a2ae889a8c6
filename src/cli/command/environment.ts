/** Meaning of each environment variable that vfioctl reads or sets. The manual and the README name them. */
export const environmentMeanings: Readonly<Record<string, string>> = {
  VFIOCTL_TRACE: '1 shows each call to the kernel on stderr; a path, in that file',
  VFIOCTL_ADDON: 'the file of the addon, in place of the one that the package has for this processor',
  VFIOCTL_IOMMUFD: 'set by `vfioctl run` for its program: the number of the open descriptor of /dev/iommu',
  VFIOCTL_DEVICES: 'likewise: each device with its open descriptor, ADDRESS=NUMBER, parted by commas',
  VFIOCTL_CONTAINER: 'likewise, without iommufd: the descriptor of /dev/vfio/vfio',
  VFIOCTL_GROUPS: 'likewise, without iommufd: each IOMMU group with its open descriptor',
  XDG_STATE_HOME: 'the folder below which --mock keeps its hosts, vfioctl/mock/NAME; ~/.local/state if it is not set',
  XDG_CACHE_HOME:
    'the folder below which Node 22.1 and later keep compiled code, vfioctl/compiled; ~/.cache if not set',
  MDEVCTL_ENV_ROOT: 'as mdevctl alone: the folder in place of /, as --root has it',
  NO_COLOR: 'if it is set, no colours in a terminal',
}
