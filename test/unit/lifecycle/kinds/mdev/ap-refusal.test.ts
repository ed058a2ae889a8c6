import { expect, onTestFinished, test } from 'vitest'
import type { VfioError } from '../../../../../src/base/errors.ts'
import { start } from '../../../../../src/lifecycle/kinds/mdev/start.ts'
import type { KernelVersion } from '../../../../../src/mock/base/kernel-traits.ts'
import { createMockKernel } from '../../../../../src/mock/kernel/mock-kernel.ts'
import { mainframe } from '../../../../../src/mock/shipped/mainframe.ts'

const [first, second] = ['83b8f4f2-509f-382f-3c1e-e6bfe0fa1401', '83b8f4f2-509f-382f-3c1e-e6bfe0fa1402'] as const
const masks = { apmask: mainframe.ap?.apmask, aqmask: mainframe.ap?.aqmask }

function machine(kernel: KernelVersion = '6.12') {
  const host = createMockKernel({ ...mainframe, kernel })
  onTestFinished(() => host.dispose())
  const make = (uuid: string, ...attributes: [name: string, value: string][]) => {
    const request = { uuid, parent: 'matrix', type: 'vfio_ap-passthrough' }
    return start(host, { ...request, attributes: attributes.map(([name, value]) => ({ name, value })) })
  }
  const refused = async (...given: Parameters<typeof make>): Promise<VfioError> => {
    const error = await make(...given).then(
      () => null,
      (failure) => failure,
    )
    expect(host.files.kind(`/sys/bus/mdev/devices/${given[0]}`)).toBe(null)
    return error
  }
  return { make, refused }
}

test('the machine keeps all adapters but 5 and 6 for the host', () => {
  expect(masks).toEqual({ apmask: `0xf9${'f'.repeat(62)}`, aqmask: `0x${'f'.repeat(64)}` })
})

test('a queue that the masks keep for the host is named, with the command that gives it away', async () => {
  const { refused } = machine()
  const error = await refused(first, ['assign_domain', '0x47'], ['assign_domain', '4'], ['assign_adapter', '4'])
  expect(error).toMatchObject({
    code: 'ATTRIBUTE_FAILED',
    errno: 'EADDRNOTAVAIL',
    message: expect.stringContaining('queue 04.0004 and 1 more are kept for the host by /sys/bus/ap/apmask and aqmask'),
    hint: expect.stringContaining('echo -4 > /sys/bus/ap/apmask gives the adapter'),
  })
})

test.each([
  ['6.1', 'EADDRINUSE'],
  ['6.12', 'EBUSY'],
] as const)('a queue that another device has is named with that device: Linux %s, %s', async (version, errno) => {
  const { make, refused } = machine(version)
  await make(first, ['assign_adapter', '5'], ['assign_domain', '0x47'])
  const error = await refused(second, ['assign_adapter', '0x5'], ['assign_domain', '0107'])
  expect(error).toMatchObject({
    errno,
    message: expect.stringContaining(`queue 05.0047 is with ${first}`),
    hint: `vfioctl stop ${first} frees what it has`,
  })
})

test.each([
  ['assign_adapter', '64', '63 (/sys/bus/ap/ap_max_adapter_id)'],
  ['assign_domain', '85', '84 (/sys/bus/ap/ap_max_domain_id)'],
  ['assign_control_domain', '0x55', '84 (/sys/bus/ap/ap_max_domain_id)'],
])('a number beyond the machine’s is told with the highest: %s %s', async (name, value, most) => {
  const { refused } = machine()
  expect(await refused(first, [name, value])).toMatchObject({
    errno: 'ENODEV',
    message: expect.stringContaining(`the highest number of this machine is ${most}; the device was removed again`),
  })
})
