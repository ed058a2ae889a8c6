fact 'vfioctl.early=0 leaves the card to e1000e' 'grep -q vfioctl.early=0 /proc/cmdline && seen $early e1000e && seen $twin e1000e'
