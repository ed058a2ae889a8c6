fact 'the initramfs has e1000e as a module, and not vfio-pci' 'in_image e1000e.ko && ! in_image vfio-pci.ko'
fact 'the first driver of both cards is e1000e' 'seen $early e1000e && seen $twin e1000e'
fact 'the disk of the root file system is not bound early, not even by force' \
  '! says vfioctl bind $disk --early --force && grep -q "mounted on /" /run/said'
fact 'a device whose driver is built in is not bound early: told, and nothing is changed' \
  '! says vfioctl bind $serial --early && grep -q "serial is built into the kernel (8250_pci)" /run/said && [ ! -e $rule ] && [ "$(driver $serial)" = serial ]'
fact 'a dry run makes no image' 'says vfioctl bind $early --early --dry-run && [ ! -e $rule ] && ! in_image vfioctl-early'
cp $image /run/before
fact 'the card is bound early' 'says vfioctl bind $early --early && [ "$(driver $early)" = vfio-pci ]'
fact 'udev finds no fault in the rule' 'udevadm verify $rule >/run/said 2>&1 || ! cat /run/said'
fact 'the initramfs has the rule and the module' 'in_image vfioctl-early.rules && in_image vfio-pci.ko'
fact 'its copy is as it was' 'cmp $image.vfioctl-old /run/before'
