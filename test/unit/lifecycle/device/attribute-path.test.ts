import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import type { Write } from '../../../../src/lifecycle/change/change.ts'
import { attributeSteps } from '../../../../src/lifecycle/definition/attribute-path.ts'
import { setUpDevice } from '../../../../src/lifecycle/device/set-up-device.ts'
import { HostTree, uuids } from '../../host-tree.ts'

const [mine, other] = uuids

test('an attribute through a link in the device’s folder is not written: it would be another device’s', async () => {
  const tree = new HostTree().mdev(mine, '0000:3b:00.0', 't', 7).mdev(other, '0000:3b:00.0', 't', 8)
  tree.link(`sys/devices/pci0000:00/0000:3b:00.0/${mine}/subsystem`, '../../../../bus/mdev')
  tree.file('create', '')
  const path = `/sys/bus/mdev/devices/${mine}`
  const write = (at: string, value: string): Write => ({ action: 'write', path: at, value })
  const made = setUpDevice(
    openLinux({ root: tree.root }),
    {
      name: mine,
      path,
      create: write('/create', mine),
      attributes: attributeSteps(path, [{ name: `subsystem/devices/${other}/remove`, value: '1' }]),
      remove: write(`${path}/remove`, '1'),
      card: '/sys/devices/pci0000:00/0000:3b:00.0',
    },
    (cause) => new VfioError('SYSTEM_CALL_FAILED', 'not created', { cause }),
  )
  await expect(made).rejects.toMatchObject({ code: 'ATTRIBUTE_FAILED', facts: { remains: false } })
  const written = (uuid: string) => readFileSync(join(tree.root, `sys/bus/mdev/devices/${uuid}/remove`), 'utf8')
  expect([written(mine), written(other)]).toEqual(['1', ''])
})
