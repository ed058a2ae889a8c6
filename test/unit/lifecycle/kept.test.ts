import { expect, onTestFinished, test } from 'vitest'
import { Host } from '../../../src/host.ts'
import type { KeptForBoot } from '../../../src/lifecycle/boot/kept.ts'
import { createMockKernel } from '../../../src/mock/kernel/mock-kernel.ts'

const network = '0000:81:00.0'
const vf = '0000:81:01.0'
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

test('what is kept for the next boots is listed with how it is now and what forgets it, also of what is gone', async () => {
  const host = new Host(createMockKernel('gpu-host'))
  onTestFinished(() => host[Symbol.asyncDispose]())
  const { files } = host.kernel
  expect(await host.boot.kept()).toEqual({ kept: [], warnings: [] })
  await host.setVirtualFunctions({ device: network, count: 2, autoprobe: false })
  await host.bind({ device: vf })
  await host.bind({ device: '0000:81:00.1', driver: 'none' })
  await host.define({ name: uuid, parent: 'gone', type: 'any-1', start: 'auto', force: true })
  await host.define({ name: '0000:41:00.4', type: 'L40S-8Q' })
  files.makeDirectory('/etc/vfioctl.d/node-owners')
  files.create(`/etc/vfioctl.d/node-owners/${uuid}.json`, '{"user":null,"group":"kvm","mode":"0660"}')
  files.create('/etc/vfioctl.d/sriov/0000:99:00.0.json', '{')
  const shown = ({ kept }: KeptForBoot) => kept.map(({ device, what, now, forget }) => [device, what, now, forget])
  expect(shown(await host.boot.kept())).toEqual([
    ['0000:81:00.1', 'driver none', 'with no driver', 'vfioctl release 0000:81:00.1'],
    [vf, 'VFIO’s best driver', 'with vfio-pci', `vfioctl release ${vf}`],
    [network, '2 virtual functions, autoprobe off', 'has 2', `vfioctl sriov ${network} 0`],
    [uuid, 'any-1 on gone, auto', 'parent not there', `vfioctl undefine -u ${uuid} -p gone`],
    ['0000:41:00.4', '1152 on 0000:41:00.0, manual', 'does not run', 'vfioctl undefine 0000:41:00.4'],
    [uuid, 'node of -:kvm 0660', null, `vfioctl undefine ${uuid}`],
  ])
  expect((await host.boot.kept()).warnings.map(({ path }) => path)).toEqual(['/etc/vfioctl.d/sriov/0000:99:00.0.json'])
  await files.write(`/sys/bus/pci/devices/${network}/sriov_numvfs`, '0')
  await files.write(`/sys/bus/pci/devices/${network}/remove`, '1')
  expect(shown(await host.boot.kept(vf))).toEqual([[vf, 'VFIO’s best driver', 'not there', `vfioctl release ${vf}`]])
  expect(shown(await host.boot.kept(network))).toEqual([
    [network, '2 virtual functions, autoprobe off', 'not there', expect.anything()],
  ])
})
