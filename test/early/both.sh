fact 'the first driver of both is vfio-pci' 'seen $early vfio-pci && seen $serial vfio-pci && seen $twin e1000e'
fact 'one is released: the rule has the other' 'says vfioctl release $serial && ! grep -q $serial $rule && grep -q $early $rule'
fact 'the other one is: nothing is left of it' \
  'says vfioctl release $early && [ ! -e $rule ] && ! in_image vfioctl-early && ! ls /boot/*.vfioctl-* /etc/vfioctl.d/early-*'
