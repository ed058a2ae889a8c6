import { expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { nextBootLines } from '../../../../src/lifecycle/bindings/next-boot.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { HostTree } from '../../host-tree.ts'

const sound = parsePciAddress('0000:00:1f.3')

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

/** The sound card's files, and those that have a say at boot. */
function linesOf(texts: Record<string, string>, wanted: string | null, native: string | null = null): string[] {
  const root = new HostTree()
  for (const name of ['vendor', 'device']) {
    root.file(`/sys/bus/pci/devices/${sound}/${name}`, name === 'vendor' ? '0x8086\n' : '0xa348\n')
  }
  root.link('/sys/bus/pci/drivers/c6xx/module', '../../../../module/qat_c62x')
  for (const [path, text] of Object.entries(texts)) root.file(path, text)
  const kernel = openLinux({ root: root.root })
  onTestFinished(() => kernel.dispose())
  return nextBootLines(kernel.files, { bus: 'pci', name: sound }, wanted, native)
}
const conf = '/etc/modprobe.d/a.conf'
const ids = 'options vfio-pci ids=8086:a348\n'

test.each([
  [
    'a softdep',
    { [conf]: `${ids}softdep snd_hda_intel pre: vfio_pci\n` },
    `ids= there; vfio-pci is loaded early, by ${conf}:2`,
  ],
  [
    'initramfs-tools',
    { [conf]: ids, '/etc/initramfs-tools/modules': '# early\nvfio_pci\n' },
    'ids= there, then update-initramfs -u; vfio-pci is loaded early, by /etc/initramfs-tools/modules:2',
  ],
  [
    'dracut',
    { [conf]: ids, '/etc/dracut.conf.d/10-vfio.conf': 'force_drivers+=" vfio vfio-pci "\n' },
    'ids= there, then dracut --force; vfio-pci is loaded early, by /etc/dracut.conf.d/10-vfio.conf:1',
  ],
])('with an id, %s that loads vfio-pci early is named, with what makes the change count', (_, texts, mend) => {
  expect(linesOf(texts, null)).toEqual([
    `at the next boot vfio-pci may get ${sound} all the same, by ${conf}:1: take it out of ${mend}`,
  ])
})

test('an id that a module of the initramfs is given', () => {
  expect(linesOf({ '/etc/initramfs-tools/modules': 'vfio_pci ids=8086:a348\n' }, null)).toEqual([
    gets('vfio-pci', '/etc/initramfs-tools/modules:1'),
  ])
})

test('what loads vfio-pci early without an id, or after others, gives it nothing', () => {
  const texts = {
    [conf]: 'softdep snd pre: vfio-pci\n',
    '/etc/initramfs-tools/modules': '#vfio-pci\nvfio_pci\n',
    '/etc/dracut.conf': 'add_drivers+=" vfio-pci "\n',
  }
  expect(linesOf(texts, null)).toEqual([])
  expect(linesOf({ [conf]: `${ids}softdep vfio-pci pre: snd\nsoftdep snd post: vfio-pci\n` }, null)).toEqual([
    expect.stringMatching(/out of ids= there$/),
  ])
})

test.each([
  ['install', 'install vfio_pci /bin/false\n', 'vfio-pci', 'vfio-pci'],
  ['install', 'install vfio-pci /bin/true\n', null, 'vfio-pci'],
  ['blacklist', 'blacklist qat_c62x\n', null, 'c6xx'],
])('%s in modprobe.d keeps a driver from being loaded: %s', (command, text, wanted, native) => {
  expect(linesOf({ [conf]: text }, wanted, native)).toEqual([
    `at the next boot ${native} may not be loaded, by ${conf}:1: take its ${command} line out there, unless it is built in`,
  ])
})

test.each([
  ['module_blacklist', 'vfio-pci', null],
  ['module_blacklist', null, 'vfio-pci'],
  ['modprobe.blacklist', null, 'vfio-pci'],
])('%s= on the command line of the kernel does too: asked for %s', (parameter, wanted, native) => {
  expect(linesOf({ '/proc/cmdline': `quiet ${parameter}=nouveau,vfio_pci root=/dev/sda1\n` }, wanted, native)).toEqual([
    expect.stringContaining(`may not be loaded, by /proc/cmdline:1: take it out of ${parameter}= of the kernel`),
  ])
})

test('a blacklist does not hold for a driver that is loaded by its name, nor install lines that load it all the same', () => {
  const texts = {
    [conf]: 'blacklist vfio-pci\ninstall vfio-pci /sbin/modprobe --ignore-install vfio-pci\nblacklist vfio\n',
    '/proc/cmdline': 'modprobe.blacklist=vfio-pci module_blacklist=vfio',
  }
  expect(linesOf(texts, 'vfio-pci')).toEqual([])
  expect(linesOf(texts, 'none')).toEqual([])
})
