/** In the order in which they come up on one parent. */
export const onMtty: readonly string[] = [
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1201',
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1202',
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1203',
]
export const display = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1204'
export const byHand = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1205'

export const unit = '/etc/systemd/system/vfioctl-restore.service'

/** What of /etc the second boot finds as the first left it. */
export const kept: readonly string[] = ['/etc/mdevctl.d', '/etc/systemd/system', '/etc/udev/rules.d']
