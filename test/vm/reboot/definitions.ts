/** In the order in which they come up on one parent. */
export const onMtty: readonly string[] = [
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1201',
  '83b8f4f2-509f-382f-3c1e-e6bfe0fa1202',
]
export const display = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1204'
export const byHand = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1205'

/** A PCI device of the machine that has no driver unless it is given one. */
export const card = '0000:00:03.0'

/** One that can have virtual functions. */
export const nvme = '0000:04:00.0'
