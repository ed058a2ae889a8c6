import { expect, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { checkNotHeld } from '../../../../src/lifecycle/device/device-lock.ts'
import { HostTree, uuids } from '../../host-tree.ts'

const [uuid] = uuids
const deviceNode = '/dev/vfio/devices/vfio0'

function check(tree: HostTree): void {
  const attempt = `cannot stop ${uuid}`
  checkNotHeld(openLinux({ root: tree.root }), { name: uuid, node: null, deviceNode, attempt })
}

test.each([
  ['its own node', deviceNode, ''],
  ['a descriptor alone', 'anon_inode:[vfio-device]', `vfio-device-syspath:\t/sys/devices/virtual/mtty/mtty/${uuid}\n`],
])('a device without a group node is held by who has %s', (_, target, info) => {
  const tree = new HostTree().link('proc/812/fd/9', target).file('proc/812/fdinfo/9', info)
  tree.file('proc/812/comm', 'qemu\n')
  const busy = { code: 'DEVICE_BUSY', message: `cannot stop ${uuid}: qemu (pid 812) holds it open` }
  expect(() => check(tree)).toThrow(expect.objectContaining(busy))
  expect(() => check(new HostTree())).not.toThrow()
})
