# Where the guest's files are not the machine's: the checkout, and over it what of it is compiled. Then guest.sh.
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
checkout=$(cat /run/vm/checkout)
nine=trans=virtio,version=9p2000.L,msize=512000
# The messages of drivers, of which the kernel says nothing else.
[ ! -d /sys/kernel/debug ] || mount -t debugfs debug /sys/kernel/debug
mkdir /run/checkout /run/compiled /run/scratch
mount -t 9p -o "ro,cache=loose,$nine" checkout /run/checkout
mount -t 9p -o "ro,cache=loose,$nine" compiled /run/compiled
mount -t tmpfs scratch /run/scratch
mkdir -p /run/scratch/upper /run/scratch/work "$checkout"
mount -t overlay -o lowerdir=/run/compiled:/run/checkout,upperdir=/run/scratch/upper,workdir=/run/scratch/work checkout \
  "$checkout"
exec /bin/sh /run/vm/service.sh
