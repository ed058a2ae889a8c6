import { expect, onTestFinished, test } from 'vitest'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'

const sound = '0000:00:1f.3'

/** The demo, on which others have a say in who gets the sound card (8086:a348). */
function host(disk: Record<string, string>) {
  const kernel = createMockKernel({ ...demo, disk: { ...demo.disk, ...disk } })
  onTestFinished(() => kernel.dispose())
  const said: string[] = []
  return { kernel, said, options: { onMessage: (line: string) => void said.push(line) } }
}

const gets = (driver: string, place: string) =>
  expect.stringContaining(`${driver} may get ${sound} all the same, by ${place}: `)

test.each([
  ['driverctl', { [`/etc/driverctl.d/pci-${sound}`]: 'vfio-pci\n' }, `/etc/driverctl.d/pci-${sound}:1`],
  [
    'modprobe',
    { '/etc/modprobe.d/vfio.conf': '# ours\noptions vfio_pci disable_vga=1 ids=10de:1eb8,8086:A348\n' },
    '/etc/modprobe.d/vfio.conf:2',
  ],
  [
    'modprobe, of any device',
    { '/usr/lib/modprobe.d/a.conf': 'options vfio-pci ids=8086:ffffffff\n' },
    '/usr/lib/modprobe.d/a.conf:1',
  ],
])(
  'what %s will do at the next boot is said by release, and by bind where it is another driver',
  async (_, disk, place) => {
    const { kernel, said, options } = host(disk)
    await bind(kernel, { device: sound }, options)
    expect(said).toEqual([])
    await release(kernel, { device: sound }, options)
    expect(said).toEqual([gets('vfio-pci', place)])
    await bind(kernel, { device: sound, driver: 'none' }, options)
    expect(said).toEqual([gets('vfio-pci', place), gets('vfio-pci', place)])
    await bind(kernel, { device: sound, driver: 'none', transient: true }, options)
    expect(said).toHaveLength(2)
  },
)

test('what is for other devices, or commented out, is not said', async () => {
  const { kernel, said, options } = host({
    '/etc/driverctl.d/pci-0000:00:1f.4': 'vfio-pci\n',
    '/etc/modprobe.d/vfio.conf':
      '#options vfio-pci ids=8086:a348\noptions vfio-pci ids=8086:a349\noptions snd ids=8086:a348\n',
    '/etc/modprobe.d/vfio.conf.old': 'options vfio-pci ids=8086:a348\n',
  })
  await release(kernel, { device: sound }, options)
  expect(said).toEqual([])
})

test('a driver that takes it again by its id: the hint names the place that gave it, and what mends it', async () => {
  const free = '0000:00:1f.0'
  const { kernel } = host({ [`/etc/driverctl.d/pci-${free}`]: 'vfio-pci\n' })
  await bind(kernel, { device: free })
  await kernel.files.write('/sys/bus/pci/drivers/vfio-pci/new_id', '8086 a305')
  const hint = [
    'echo 8086 a305 > /sys/bus/pci/drivers/vfio-pci/remove_id, then release it again',
    `it stands in /etc/driverctl.d/pci-${free}:1: driverctl unset-override ${free}`,
  ].join('; ')
  await expect(release(kernel, { device: free })).rejects.toMatchObject({ code: 'NOT_SUPPORTED', hint })
})

test('an id on the command line of the kernel, whose vfio-pci is built in', async () => {
  const { kernel, said, options } = host({})
  const { read, kind } = { read: kernel.files.read.bind(kernel.files), kind: kernel.files.kind.bind(kernel.files) }
  const line = 'root=/dev/sda1 vfio-pci.ids=10de:1eb8,8086:a348 quiet\n'
  kernel.files.read = (path) => (path === '/proc/cmdline' ? line : read(path))
  kernel.files.kind = (path) => (path === '/proc/cmdline' ? 'file' : kind(path))
  await release(kernel, { device: sound }, options)
  expect(said).toEqual([gets('vfio-pci', '/proc/cmdline:1')])
})
