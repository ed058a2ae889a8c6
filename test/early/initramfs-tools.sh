# Into a system with initramfs-tools, before its first boot: a small initramfs, which has e1000e, and writes the kernel's
# events down from before udev starts.
cd /etc/initramfs-tools
printf 'MODULES=list\nCOMPRESS=zstd\nCOMPRESSLEVEL=1\n' >conf.d/small
printf '%s\n' nvme ext4 >modules
cat >hooks/events <<'HOOK'
#!/bin/sh
case "$1" in prereqs) echo; exit 0 ;; esac
. /usr/share/initramfs-tools/hook-functions
manual_add_modules e1000e
mkdir -p "$DESTDIR/conf/conf.d"
echo 'udevadm monitor --kernel --property >/dev/uevents & sleep 1' >"$DESTDIR/conf/conf.d/events"
HOOK
chmod +x hooks/events
update-initramfs -u -k all
