. ./early.sh
fact 'the generated script takes it back' \
  'says sh /etc/vfioctl.d/early-undo && [ ! -e $rule ] && ! in_image vfioctl-early && [ ! -e /etc/vfioctl.d/early-undo ]'
