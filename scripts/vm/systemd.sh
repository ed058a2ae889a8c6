# Has systemd be the guest's first process, and guest.sh a service of its. Besides that it starts only what tells of
# devices: the services of this kind of machine cost time, and those of the machine outside are none of this one's.
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t tmpfs units /etc/systemd/system
export SYSTEMD_GENERATOR_PATH=
cd /usr/lib/systemd/system
find ./*.target.wants -type l ! -name 'systemd-journald*' ! -name 'systemd-udev*' ! -name systemd-modules-load.service \
  -delete
# systemd in a container, such as the machine outside may be, leaves out much.
rm -f /.dockerenv

[ ! -e /run/vm/etc.tar ] || tar -xf /run/vm/etc.tar -C /
mkdir -p /run/systemd/system/multi-user.target.wants
cd /run/systemd/system
printf '[Service]\nExecStart=/bin/sh /run/vm/service.sh\n' >guest.service
ln -s ../guest.service multi-user.target.wants/
exec /usr/lib/systemd/systemd --unit=multi-user.target --show-status=no
