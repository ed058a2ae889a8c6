import { describe, expect, onTestFinished, test } from 'vitest'
import { parsePciAddress } from '../../../../src/base/units.ts'
import type { Kernel, ProgramEnd } from '../../../../src/kernel/kernel.ts'
import { bind } from '../../../../src/lifecycle/bindings/bind.ts'
import { release } from '../../../../src/lifecycle/bindings/release.ts'
import { diagnose } from '../../../../src/lifecycle/doctor/diagnose.ts'
import { earlyRule } from '../../../../src/lifecycle/early/early-rule.ts'
import { keptBindings } from '../../../../src/lifecycle/settings/bindings.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { plainDisk } from '../../../../src/mock/shipped/host-parts.ts'
import { stub } from '../../../unit/stub.ts'
import { crashingKernel } from '../crashing-kernel.ts'

const [card, sound] = ['0000:00:1f.6', '0000:00:1f.3']
const rule = '/etc/udev/rules.d/05-vfioctl-early.rules'
const hook = '/etc/initramfs-tools/hooks/vfioctl-early'
const undo = '/etc/vfioctl.d/early-undo'
const image = '/boot/initrd.img-6.1.0'
const inImage = 'usr/lib/udev/rules.d/05-vfioctl-early.rules\n'

function host(disk: Readonly<Record<string, string | null>> = demo.disk) {
  const kernel = createMockKernel({ ...demo, disk })
  onTestFinished(() => kernel.dispose())
  const said: string[] = []
  return { kernel, said, options: { onMessage: (line: string) => void said.push(line) } }
}

const udev = {
  '/usr/lib/udev': null,
  '/usr/lib/udev/rules.d': null,
  '/usr/lib/udev/rules.d/80-drivers.rules': '',
}

/** The disk where early binding writes, and the drivers. */
function state({ files }: Pick<Kernel, 'files'>) {
  const folders = ['/etc/udev/rules.d', '/etc/initramfs-tools/hooks', '/etc/dracut.conf.d', '/etc/vfioctl.d', '/boot']
  const found = folders.flatMap((folder) =>
    files.kind(folder) === null ? [] : files.list(folder).map((name) => `${folder}/${name}`),
  )
  const texts = found.filter((path) => files.kind(path) === 'file').map((path) => [path, files.read(path)] as const)
  return {
    files: Object.fromEntries(texts.filter(([path]) => !path.includes('.vfioctl-'))),
    drivers: [card, sound].map((it) => files.readlink(`/sys/bus/pci/devices/${it}/driver`).split('/').at(-1)),
    kept: keptBindings.list(files).settings.map(({ name, value }) => [name, value]),
  }
}

/** A kernel on which a program of that name ends otherwise. */
function withProgram(kernel: Kernel, name: string, end: Partial<ProgramEnd>): Kernel {
  return stub(kernel, {
    runProgram: async (path, run) =>
      path.endsWith(`/${name}`)
        ? { status: 0, timedOut: false, stdout: '', stderr: '', ...end }
        : kernel.runProgram(path, run),
  })
}

describe('bind --early', () => {
  test('writes the rule, its way into the initramfs and the way back, and makes the initramfs anew from a copy on', async () => {
    const { kernel, said, options } = host()
    const { files } = kernel
    const before = files.read(image)
    const [change] = await bind(kernel, { device: card, early: true }, options)
    expect(change?.steps.slice(-7).map((step) => [step.action, step.path])).toEqual([
      ['save', `/etc/vfioctl.d/bindings/${card}.json`],
      ['run', '/usr/bin/cp'],
      ['save', undo],
      ['save', rule],
      ['save', hook],
      ['run', '/usr/sbin/update-initramfs'],
      ['run', '/usr/bin/lsinitramfs'],
    ])
    expect(keptBindings.read(files, card)).toMatchObject({ driver: 'best', early: true })
    expect(files.read(`${image}.vfioctl-old`)).toBe(before)
    expect(files.read(image)).toContain(inImage)
    expect(files.read(image)).toContain('vfio_pci.ko')
    expect(files.read(undo)).toContain(`update-initramfs -u -k all || mv -f ${image}.vfioctl-old ${image}\n`)
    expect(said).toEqual([
      expect.stringContaining('/usr/sbin/update-initramfs -u -k 6.1.0'),
      expect.stringContaining('vfioctl.early=0'),
    ])
  })

  test('its dry run has the same steps, and does nothing', async () => {
    const { kernel } = host()
    const before = state(kernel)
    const [dry] = await bind(kernel, { device: card, early: true }, { dryRun: true })
    expect(state(kernel)).toEqual(before)
    expect((await bind(kernel, { device: card, early: true }))[0]?.steps).toEqual(dry?.steps)
  })

  test('twice is once; a bind that says nothing of it leaves it so; with another driver the rule names that', async () => {
    const { kernel } = host()
    await bind(kernel, { device: card, early: true })
    const early = state(kernel)
    expect(await bind(kernel, { device: card, early: true })).toMatchObject([{ changed: false, steps: [] }])
    await bind(kernel, { device: card })
    expect(state(kernel)).toEqual(early)
    await bind(kernel, { device: card, driver: 'none' })
    expect(kernel.files.read(rule)).toContain('driver_override}="none"\n')
    expect(kernel.files.read(hook)).not.toContain('manual_add_modules')
  })

  test('of several devices, the rule names each at every event; the last to go takes all of it along', async () => {
    const { kernel } = host()
    const before = state(kernel)
    await bind(kernel, { device: card, early: true })
    await bind(kernel, { device: sound, early: true })
    expect(kernel.files.read(rule).match(/^TEST.*driver_override\}="vfio-pci"/gm)).toHaveLength(2)
    await bind(kernel, { device: sound, early: false })
    expect(kernel.files.read(rule)).not.toContain(sound)
    expect(keptBindings.read(kernel.files, sound)).not.toHaveProperty('early')
    await release(kernel, { device: sound })
    await release(kernel, { device: card })
    expect(state(kernel)).toEqual(before)
    expect(kernel.files.list('/boot')).toEqual([image.slice('/boot/'.length)])
  })

  test('killed after any of its changes, it comes to the same end when it is done again, and so does release', async () => {
    const untouched = state(host().kernel)
    const early = host().kernel
    await bind(early, { device: card, early: true })
    for (const verb of ['bind', 'release'] as const) {
      const run = (kernel: Kernel) =>
        verb === 'bind' ? bind(kernel, { device: card, early: true }) : release(kernel, { device: card })
      for (let after = 1; ; after++) {
        const { kernel } = host()
        if (verb === 'release') await bind(kernel, { device: card, early: true })
        const { kernel: crashing, died } = crashingKernel(kernel, after)
        await run(crashing).catch(() => undefined)
        await run(kernel)
        expect(state(kernel), `${verb} after ${after}`).toEqual(verb === 'bind' ? state(early) : untouched)
        if (!died()) break
        expect(after).toBeLessThan(80)
      }
    }
  })
})

describe('nothing is left of it', () => {
  test.each([
    ['the initramfs cannot be made', 'update-initramfs', { status: 1, stderr: 'no space left' }, 'no space left'],
    ['its program ends well and makes none', 'update-initramfs', {}, 'vfioctl-early.rules is not in it'],
    ['no copy can be kept', 'cp', { status: 1, stderr: 'cp: error writing' }, 'cp: error writing'],
    ['there is no room for both', 'stat', { stdout: '10 4096\n' }, 'nothing is changed'],
  ])('if %s', async (_, name, end, why) => {
    const { kernel } = host()
    const before = state(kernel)
    const failing = withProgram(kernel, name, end)
    await expect(bind(failing, { device: card, early: true })).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      message: expect.stringContaining(why),
    })
    expect(state(kernel)).toEqual(before)
    expect(kernel.files.list('/boot')).toEqual([image.slice('/boot/'.length)])
  })

  test('and it stays early if the initramfs cannot be made without it', async () => {
    const { kernel } = host()
    await bind(kernel, { device: card, early: true })
    const before = state(kernel)
    const failing = withProgram(kernel, 'update-initramfs', { status: 1, stderr: 'no' })
    await expect(release(failing, { device: card })).rejects.toThrow('was not made anew')
    expect(state(kernel)).toEqual(before)
  })

  test('if a file of somebody else’s is in the way', async () => {
    const { kernel } = host({ ...demo.disk, [hook]: '#!/bin/sh\n# mine\n' })
    const before = state(kernel)
    await expect(bind(kernel, { device: card, early: true })).rejects.toMatchObject({
      code: 'ALREADY_EXISTS',
      path: hook,
    })
    expect(state(kernel)).toEqual(before)
  })
})

describe('told where it cannot work', () => {
  test('a driver that is built in has the device first: what keeps it away is said', async () => {
    const { kernel } = host()
    const { files } = kernel
    const module = `/sys/bus/pci/drivers/e1000e/module`
    const builtIn = stub(kernel, {
      files: stub(files, {
        kind: (path) => (path === '/sys/module/e1000e/initstate' ? null : files.kind(path)),
        readlink: (path) => (path === module ? '../../../../module/e1000e' : files.readlink(path)),
        list: (path) => (path === '/sys/module/e1000e/drivers' ? ['pci:e1000e'] : files.list(path)),
      }),
    })
    await expect(bind(builtIn, { device: card, early: true })).rejects.toMatchObject({
      code: 'NOT_SUPPORTED',
      message: expect.stringContaining('its driver e1000e is built into the kernel (e1000e)'),
      hint: expect.stringContaining('initcall_blacklist='),
    })
    expect(await bind(builtIn, { device: card })).toMatchObject([{ to: 'vfio-pci' }])
  })

  test('what the host uses is not bound early, not even by force', async () => {
    const { kernel } = host()
    const gpu = '0000:3b:00.0'
    const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
    await kernel.files.write(`/sys/class/mdev_bus/${gpu}/mdev_supported_types/nvidia-222/create`, uuid)
    await expect(bind(kernel, { device: gpu, early: true }, { force: true })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      hint: expect.stringContaining('not even with --force'),
    })
  })

  test.each([
    ['a bridge', { device: '0000:3a:00.0', driver: 'none' }, 'NOT_SUPPORTED', 'bridge'],
    ['what is kept for no boot', { device: card, transient: true }, 'INVALID_ARGUMENT', 'transient'],
  ])('%s', async (_, request, code, why) => {
    const { kernel } = host()
    await expect(bind(kernel, { ...request, early: true })).rejects.toMatchObject({
      code,
      message: expect.stringContaining(why),
    })
  })

  test.each([
    [
      'dracut',
      { '/etc/dracut.conf.d': null, '/etc/dracut.conf.d/gpu.conf': 'force_drivers+=" snd e1000e "\n' },
      'force_drivers',
    ],
    ['mkinitcpio', { '/etc/mkinitcpio.conf': '# MODULES=(e1000e)\nMODULES=(ext4 e1000e?)\n' }, 'MODULES there'],
    ['the kernel’s command line', { '/proc/cmdline': 'quiet rd.driver.pre=ext4,e1000e\n' }, 'rd.driver.pre='],
  ])('a driver that %s loads before udev runs: that is said, and doctor finds it', async (_, added, mend) => {
    const { kernel, said, options } = host({ ...demo.disk, ...added })
    await bind(kernel, { device: card, early: true }, options)
    expect(said.filter((line) => line.startsWith('e1000e is loaded before udev'))).toEqual([
      expect.stringContaining(mend),
    ])
    await kernel.files.write(`/sys/bus/pci/devices/${card}/driver/unbind`, card)
    await kernel.files.write(`/sys/bus/pci/devices/${card}/driver_override`, '\n')
    await kernel.files.write('/sys/bus/pci/drivers_probe', card)
    const { findings } = await diagnose(kernel)
    expect(findings.filter(({ id }) => id === 'early-driver-first')).toMatchObject([
      { device: card, advice: expect.stringContaining(mend) },
    ])
  })

  test('a boot loader that knows the initramfs by its blocks: it is not made anew, and the command is said', async () => {
    const { kernel, said, options } = host({ ...demo.disk, '/etc/zipl.conf': '' })
    const [change] = await bind(kernel, { device: card, early: true }, options)
    expect(change?.steps.map(({ action }) => action)).not.toContain('run')
    expect(said[0]).toMatch(/zipl.*update-initramfs -u -k all$/)
  })

  test('a host without udev', async () => {
    await expect(bind(host(plainDisk).kernel, { device: card, early: true })).rejects.toThrow('there is no udev here')
  })

  test('a host whose initramfs is made by something else has the rule alone, and that is said', async () => {
    const { kernel, said, options } = host({ ...plainDisk, ...udev })
    const [change] = await bind(kernel, { device: card, early: true }, options)
    expect(change?.steps.slice(-2).map(({ path }) => path)).toEqual([undo, rule])
    expect(said[0]).toContain('a driver that the initramfs itself loads comes first')
  })
})

test('doctor says if the initramfs is older than the rule, or another rule would be written now', async () => {
  const { kernel } = host()
  const early = async (one: Kernel) => (await diagnose(one)).findings.filter(({ id }) => id === 'early-not-set-up')
  await bind(kernel, { device: card, early: true })
  expect(await early(kernel)).toEqual([])
  const older = stub(kernel, { files: stub(kernel.files, { modified: (path) => (path === image ? 1 : 2) }) })
  expect(await early(older)).toMatchObject([
    { device: card, message: expect.stringContaining(`${image} is older than ${rule}`) },
  ])
  await kernel.files.write(rule, '# mine')
  expect(await early(kernel)).toMatchObject([{ commands: [`vfioctl bind ${card} --early`] }])
})

test('dracut has a file of its own for it', async () => {
  const dracut = {
    '/boot': null,
    '/boot/initramfs-6.1.0.img': '',
    '/usr/bin': null,
    '/usr/bin/cp': '',
    '/usr/sbin': null,
    '/usr/sbin/dracut': '',
  }
  const { kernel } = host({ ...plainDisk, ...udev, ...dracut })
  const [dry] = await bind(kernel, { device: card, early: true }, { dryRun: true })
  expect(dry?.steps.slice(-2)).toEqual([
    {
      action: 'save',
      path: '/etc/dracut.conf.d/90-vfioctl-early.conf',
      content: expect.stringContaining(`install_items+=" ${rule} "\nadd_drivers+=" vfio_pci "\n`),
    },
    { action: 'run', path: '/usr/sbin/dracut', arguments: ['--force', '/boot/initramfs-6.1.0.img', '6.1.0'] },
  ])
})

describe('mkinitcpio', () => {
  const preset = '/etc/mkinitcpio.d/linux.preset'
  const image = '/boot/initramfs-linux.img'
  const fallback = '/boot/initramfs-linux-fallback.img'
  const dropIn = '/etc/mkinitcpio.conf.d/vfioctl-early.conf'
  const usual = `# mkinitcpio preset file for the 'linux' package
#ALL_config="/etc/mkinitcpio.conf"
ALL_kver="/boot/vmlinuz-linux"
PRESETS=('default' 'fallback')
#default_config="/etc/mkinitcpio.conf"
default_image="${image}"
#default_uki="/efi/EFI/Linux/arch-linux.efi"
default_options="--splash /usr/share/splash.bmp"
fallback_image="${fallback}"
fallback_options="-S autodetect"
`
  const arch = (text: string) => ({
    ...plainDisk,
    ...udev,
    '/boot': null,
    [image]: 'before\n',
    [fallback]: 'fallback\n',
    '/etc/mkinitcpio.conf.d': null,
    '/etc/mkinitcpio.d': null,
    [preset]: text,
    '/usr/bin': null,
    ...Object.fromEntries(['cp', 'stat', 'mkinitcpio', 'lsinitcpio'].map((name) => [`/usr/bin/${name}`, ''])),
    '/usr/lib/modules': null,
    '/usr/lib/modules/6.1.0': null,
    '/usr/lib/modules/6.1.0/pkgbase': 'linux\n',
  })

  test('makes the first image of the kernel’s preset anew, from a copy and a drop-in on, and leaves its fallback', async () => {
    const { kernel, said, options } = host(arch(usual))
    const { files } = kernel
    const [change] = await bind(kernel, { device: card, early: true }, options)
    expect(
      change?.steps.flatMap((step) => (step.action === 'run' ? [[step.path, ...step.arguments].join(' ')] : [])),
    ).toEqual([
      `/usr/bin/cp -p -- ${image} ${image}.vfioctl-old`,
      `/usr/bin/mkinitcpio -k 6.1.0 -g ${image} --splash /usr/share/splash.bmp`,
      `/usr/bin/lsinitcpio ${image}`,
    ])
    expect(files.read(dropIn)).toContain(`FILES+=('${rule}')\nMODULES+=('vfio_pci?')\n`)
    expect(files.read(image)).toContain(
      'etc/udev/rules.d/05-vfioctl-early.rules\nusr/lib/modules/6.1.0/kernel/vfio_pci.ko',
    )
    expect(files.read(`${image}.vfioctl-old`)).toBe('before\n')
    expect(files.read(fallback)).toBe('fallback\n')
    expect(said).toContainEqual(expect.stringContaining(`boot without it (${fallback}): mkinitcpio -P`))
    expect(files.read(undo)).toContain(`mkinitcpio -P || mv -f ${image}.vfioctl-old ${image}\n`)
    await release(kernel, { device: card })
    expect(files.read(image)).not.toContain('vfioctl')
    expect([dropIn, rule, undo, `${image}.vfioctl-old`].filter((path) => files.kind(path) !== null)).toEqual([])
  })

  test('that does not read drop-ins leaves all as it was', async () => {
    const { kernel } = host(arch(usual))
    const before = kernel.files.read(image)
    const old = withProgram(kernel, 'mkinitcpio', {})
    await expect(bind(old, { device: card, early: true })).rejects.toThrow('vfioctl-early.rules is not in it')
    expect(kernel.files.read(image)).toBe(before)
    expect([dropIn, rule, undo].filter((path) => kernel.files.kind(path) !== null)).toEqual([])
  })

  test.each([
    ['a unified kernel image', usual.replace('#default_uki', 'default_uki'), 'part of a unified kernel image'],
    ['a configuration of its own', usual.replace('#default_config', 'default_config'), 'drop-ins are left out'],
    ['one for all images', usual.replace('#ALL_config', 'ALL_config'), 'drop-ins are left out'],
    ['an image that a shell works out', usual.replace(image, '$(uname -r)'), 'does not say plainly'],
    ['a script', `${usual}\nrm -rf /tmp/x\n`, 'does not say plainly'],
    ['no image', usual.replace(image, '/boot/other.img'), 'is not there'],
    ['nothing', '', 'does not say plainly'],
  ])('with a preset of %s is not run: that is said, with the command', async (_, text, why) => {
    const { kernel, said, options } = host(arch(text))
    const [change] = await bind(kernel, { device: card, early: true }, options)
    expect(change?.steps.map(({ action }) => action)).not.toContain('run')
    expect(said[0]).toMatch(new RegExp(`the initramfs is not made anew: .*${why}.*: on that machine, mkinitcpio -P$`))
  })
})

test('the rule leaves alone what has a driver, another override or other ids, and a boot that says so', () => {
  const ids = { vendor: '0x8086', device: '0x10d3' }
  const text = earlyRule([{ address: parsePciAddress('0000:02:00.0'), ...ids, driver: 'vfio-pci', module: 'vfio_pci' }])
  const lines = text.split('\n').filter((line) => !line.startsWith('#'))
  const on = (name: string) => `ATTR{[pci/0000:02:00.0]${name}}`
  expect(lines).toEqual([
    'ACTION!="add", GOTO="vfioctl_early_end"',
    'SUBSYSTEM!="pci", GOTO="vfioctl_early_end"',
    'IMPORT{cmdline}="vfioctl.early"',
    'ENV{vfioctl.early}=="0", GOTO="vfioctl_early_end"',
    [
      'TEST!="[pci/0000:02:00.0]driver"',
      `${on('vendor')}=="0x8086"`,
      `${on('device')}=="0x10d3"`,
      `${on('driver_override')}=="(null)||vfio-pci"`,
      `${on('driver_override')}="vfio-pci"`,
      'ATTR{[subsystem/pci]drivers_probe}="0000:02:00.0"',
      'RUN{builtin}+="kmod load vfio_pci"',
    ].join(', '),
    'LABEL="vfioctl_early_end"',
    '',
  ])
})
