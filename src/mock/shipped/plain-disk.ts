/** The directories that every host has, and its accounts: root's, and those of a host with virtual machines. */
export const plainDisk: Readonly<Record<string, string | null>> = {
  '/etc': null,
  '/etc/group': 'root:x:0:\nkvm:x:108:\n',
  '/etc/mdevctl.d': null,
  '/etc/passwd': 'root:x:0:0:root:/root:/bin/bash\nlibvirt-qemu:x:64055:108::/var/lib/libvirt:/usr/sbin/nologin\n',
  '/run': null,
  '/tmp': null,
  '/usr': null,
  '/usr/lib': null,
  '/var': null,
  '/var/lib': null,
}

/** The script of NVIDIA's driver that makes virtual functions, on hosts that have it. */
export const sriovManagePath = '/usr/lib/nvidia/sriov-manage'
