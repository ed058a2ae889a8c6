/**
 * Permissions of a unit that runs `restore`, and with it of the callout scripts, NVIDIA's sriov-manage and the modprobe
 * that `restore` runs: they get this sandbox too, as a device is changed by whoever can write its attributes.
 *
 * - Files: sysfs of devices and buses alone is writable (ProtectKernelTunables makes all of sysfs read-only, and a
 *   longer
 *   path takes a part of that back); /run for locks, and /var for names of types, with what scripts keep there. A Node
 *   below /root, as nvm has it, is to be found, so that homes are read-only and not hidden.
 * - Nodes: none is opened but the kernel's log, which explains a refusal. DeviceAllow=char-vfio would be of no use: it
 *   is
 *   looked up when the unit starts, and allows nothing, for good and silently, if vfio is loaded later. An owner of a
 *   node needs no permission to open it.
 * - Capabilities: the node's owner (CHOWN, FOWNER); who has a device open, of whatever user (DAC_READ_SEARCH,
 *   SYS_PTRACE);
 * modprobe (SYS_MODULE); the kernel's log (SYSLOG); and SYS_ADMIN, which drivers ask of who writes to their attributes.
 * - The host's network and processes are looked at: they show what a device is in use for. Netlink has the uevents.
 * - No MemoryDenyWriteExecute: Node would need --jitless for it (a restore of 12 devices takes 0.50 s of processor
 *   time, in
 *   place of 0.44 s, and Node 20 and 22 end if any code touches fetch's globals), and a script of whatever language
 *   inherits it.
 * - No ProtectClock, as CAP_SYS_TIME is not there: it adds to DeviceAllow, by which DevicePolicy=auto allows no other
 *   node.
 */
export const sandbox = `\
# What restore needs, and no more; vendors' scripts, which it runs, are in it too. For one that needs more: systemctl edit.
CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_READ_SEARCH CAP_SYS_ADMIN CAP_SYS_MODULE CAP_SYS_PTRACE CAP_SYSLOG
DeviceAllow=/dev/kmsg r
DevicePolicy=closed
LockPersonality=yes
NoNewPrivileges=yes
PrivateMounts=yes
PrivateTmp=yes
ProtectControlGroups=yes
ProtectHome=read-only
ProtectHostname=yes
ProtectKernelTunables=yes
ProtectSystem=strict
ReadWritePaths=/run /var -/sys/bus -/sys/devices
RestrictAddressFamilies=AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service @module
`
