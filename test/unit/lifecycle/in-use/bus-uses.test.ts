import { expect, test } from 'vitest'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { busUses } from '../../../../src/lifecycle/in-use/bus-uses.ts'
import { HostTree } from '../../host-tree.ts'

const port = { bus: 'platform', name: 'serial8250' } as const
const folder = 'sys/devices/platform/serial8250'

/** Two serial ports of one platform device, as Linux 6.5 and later show them. */
function host(active: string): HostTree {
  const tree = new HostTree()
    .file(`${folder}/driver_override`, '(null)\n')
    .file(`${folder}/modalias`, 'platform:serial8250\n')
    .link('sys/bus/platform/devices/serial8250', '../../../devices/platform/serial8250')
    .link(`${folder}/driver`, '../../../bus/platform/drivers/serial8250')
    .directory('sys/bus/platform/drivers/serial8250')
    .directory('sys/bus/platform/drivers/vfio-platform')
    .file('sys/class/tty/console/active', active)
  for (const [minor, name] of ['ttyS0', 'ttyS1'].entries()) {
    const its = `devices/platform/serial8250/serial8250:0/serial8250:0.${minor}/tty/${name}`
    tree
      .file(`sys/${its}/uevent`, `MAJOR=4\nMINOR=${64 + minor}\nDEVNAME=${name}\n`)
      .link(`sys/class/tty/${name}`, `../../${its}`)
      .link(`sys/dev/char/4:${64 + minor}`, `../../${its}`)
  }
  return tree
    .file('sys/devices/virtual/tty/tty0/uevent', '')
    .link('sys/class/tty/tty0', '../../devices/virtual/tty/tty0')
}

function uses(tree: HostTree): string[] {
  return busUses(openLinux({ root: tree.root }).files, port).map(({ what }) => what)
}

test('a serial port on which the kernel prints', () => {
  expect(uses(host('tty0 ttyS0\n'))).toEqual(['/dev/ttyS0 is a console of the kernel'])
  expect(uses(host('tty0\n'))).toEqual([])
})

test('a node that a process has open', () => {
  const tree = host('tty0\n').file('proc/7/comm', 'getty\n').link('proc/7/fd/0', '/dev/ttyS1')
  expect(uses(tree)).toEqual([expect.stringMatching(/getty.*has \/dev\/ttyS1 open/)])
})

test('the console is not taken from its driver, unless force says so', async () => {
  const kernel = openLinux({ root: host('tty0 ttyS0\n').root })
  const request = { device: 'platform/serial8250' }
  await expect(bind(kernel, request, { dryRun: true })).rejects.toMatchObject({
    code: 'DEVICE_BUSY',
    message: expect.stringContaining('/dev/ttyS0 is a console of the kernel'),
    hint: expect.stringContaining('--force'),
  })
  expect(await bind(kernel, request, { dryRun: true, force: true })).toMatchObject([{ to: 'vfio-platform' }])
})
