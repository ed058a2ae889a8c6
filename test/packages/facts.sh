# What both boots of the machine state facts with: one line for each, on stdout.
uuid=83b8f4f2-509f-382f-3c1e-e6bfe0fa1001
device=/sys/bus/mdev/devices/$uuid
definition=/etc/mdevctl.d/mtty/$uuid
unit=vfioctl-restore.service

fact() {
  if eval "$2"; then echo "passed: $1"; else echo "failed: $1: $2"; fi
}

# apt without a network, whose lists the system need not have
apt() {
  DEBIAN_FRONTEND=noninteractive apt-get -y -q --no-install-recommends "$@"
}
