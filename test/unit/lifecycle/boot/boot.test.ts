import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { systemError } from '../../../../src/base/system-error.ts'
import type { Kernel } from '../../../../src/kernel/kernel.ts'
import { openLinux } from '../../../../src/kernel/linux.ts'
import { packagedFiles } from '../../../../src/lifecycle/boot/boot-files.ts'
import { installBoot, removeBoot, restoreStatus } from '../../../../src/lifecycle/boot/install.ts'
import { createMockHost } from '../../../../src/mock-host.ts'
import { HostTree } from '../../host-tree.ts'

const program = ['/usr/bin/node', '/usr/local/bin/vfioctl']
const image = { program, live: false }
const unit = '/etc/systemd/system/vfioctl-restore.service'
const rule = '/etc/udev/rules.d/61-vfioctl.rules'

function mock() {
  const host = createMockHost('demo')
  onTestFinished(() => host.kernel.dispose())
  return host
}

function makeFolders({ files }: Kernel, path: string): void {
  const parts = path.split('/').slice(1)
  for (const [index] of parts.entries()) {
    const folder = `/${parts.slice(0, index + 1).join('/')}`
    if (files.kind(folder) === null) files.makeDirectory(folder)
  }
}

function put(kernel: Kernel, path: string, text: string): void {
  makeFolders(kernel, path.slice(0, path.lastIndexOf('/')))
  if (kernel.files.kind(path) !== null) kernel.files.unlink(path)
  kernel.files.create(path, text)
}

/** Every file below /etc, with what it says. */
function etc({ files }: Kernel, folder = '/etc'): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of files.list(folder)) {
    const path = `${folder}/${name}`
    if (files.kind(path) === 'directory') Object.assign(found, etc({ files } as Kernel, path))
    else found[path] = files.read(path)
  }
  return found
}

describe('boot install', () => {
  test('writes what runs restore at boot, and for a parent that comes later', async () => {
    const { kernel } = mock()
    const before = etc(kernel)
    const change = await installBoot(kernel, image)
    const written = Object.fromEntries(Object.entries(etc(kernel)).filter(([path]) => !(path in before)))
    expect(Object.keys(written)).toEqual(change.steps.map(({ path }) => path))
    expect(written[unit]).toContain('\nExecStart=/usr/bin/node /usr/local/bin/vfioctl restore\n')
    expect(written[unit]).toMatch(/^Before=.*libvirtd\.service.*virtqemud\.service/m)
    expect(written['/etc/systemd/system/vfioctl-restore@.service']).toMatch(/^ExecStart=.* --parent %i /m)
    expect(written['/etc/systemd/system/multi-user.target.d/vfioctl-restore.conf']).toContain(
      'Wants=vfioctl-restore.service',
    )
    // made before it is waited for
    expect(written[rule]).toMatch(
      /mkdir -p \/run\/vfioctl\/arrived\/\$env\{\.VFIOCTL\}"\n.* start vfioctl-restore@\$env\{\.VFIOCTL\}\.path"\n/,
    )
    // a device of another bus is named by its bus too, as its setting is
    expect(written[rule]).toMatch(
      /SUBSYSTEM=="css\|ap\|platform\|fsl-mc\|cdx".*TEST=="\/etc\/vfioctl\.d\/bindings\/\$env\{SUBSYSTEM\}-\$kernel\.json".*ENV\{\.VFIOCTL\}="\$env\{SUBSYSTEM\}-\$kernel"/,
    )
    expect(written['/etc/systemd/system/vfioctl-restore@.path']).toContain('\nPathExists=/run/vfioctl/arrived/%i\n')
    expect(written['/etc/systemd/system/vfioctl-restore@.service']).toMatch(
      /^ExecStartPre=-rmdir \/run\/vfioctl\/arrived\/%i\nExecStart=/m,
    )
  })

  test('twice is once, and a dry run is none', async () => {
    const { kernel } = mock()
    const before = etc(kernel)
    const dry = await installBoot(kernel, { ...image, dryRun: true })
    expect(etc(kernel)).toEqual(before)
    expect((await installBoot(kernel, image)).steps).toEqual(dry.steps)
    expect(await installBoot(kernel, image)).toMatchObject({ changed: false, steps: [] })
  })

  test('writes anew what names another place of vfioctl, and that alone', async () => {
    const { kernel } = mock()
    await installBoot(kernel, image)
    const own = kernel.files.read(unit)
    put(kernel, unit, own.replaceAll('/usr/local/bin', '/opt/bin'))
    expect((await installBoot(kernel, image)).steps).toEqual([{ action: 'save', path: unit, content: own }])
    expect(kernel.files.read(unit)).toBe(own)
  })

  test('refuses to overwrite a file of somebody else’s, and writes nothing', async () => {
    const { kernel } = mock()
    put(kernel, rule, 'ACTION=="add"\n')
    const before = etc(kernel)
    await expect(installBoot(kernel, image)).rejects.toMatchObject({ code: 'ALREADY_EXISTS', path: rule })
    expect(etc(kernel)).toEqual(before)
  })

  test('takes back what it wrote where a later file cannot be written', async () => {
    const { kernel, faults } = mock()
    await installBoot(kernel, image)
    const own = kernel.files.read(unit)
    const old = own.replaceAll('/usr/local/bin', '/opt/bin')
    put(kernel, unit, old)
    kernel.files.unlink(rule)
    const before = etc(kernel)
    faults.fail({ call: 'files.create', path: '/etc/udev/rules.d/.61-vfioctl.rules.new' }, 'ENOSPC')
    await expect(installBoot(kernel, image)).rejects.toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno: 'ENOSPC' })
    expect(etc(kernel)).toEqual(before)
  })

  test('takes back the file that is there and was not made safe, too', async () => {
    const { kernel } = mock()
    makeFolders(kernel, '/etc/systemd/system')
    const before = [etc(kernel), kernel.files.list('/etc/systemd/system')]
    vi.spyOn(kernel.files, 'syncDirectory').mockImplementation((path) => {
      if (path.endsWith('.target.d')) throw systemError('EIO', 'fsync', path)
    })
    await expect(installBoot(kernel, image)).rejects.toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno: 'EIO' })
    expect([etc(kernel), kernel.files.list('/etc/systemd/system')]).toEqual(before)
  })

  test('tells what failed, and what it could not take back, if that fails as well', async () => {
    const { kernel, faults } = mock()
    faults.fail({ call: 'files.create', path: '/etc/udev/rules.d/.61-vfioctl.rules.new' }, 'EIO')
    faults.fail({ call: 'files.unlink', path: unit }, 'EROFS')
    await expect(installBoot(kernel, image)).rejects.toMatchObject({
      errno: 'EIO',
      message: expect.stringMatching(`^cannot save ${rule}: .*; it could not take back ${unit}$`),
      facts: { left: [unit] },
    })
    expect(Object.keys(etc(kernel)).filter((path) => path.includes('vfioctl-restore'))).toEqual([unit])
  })

  test('names what is mounted read-only, if the folder of units is', async () => {
    const { kernel, faults } = mock()
    const before = etc(kernel)
    faults.fail({ call: 'files.create', path: '/etc/systemd/system/.vfioctl-restore.service.new' }, 'EROFS')
    await expect(installBoot(kernel, image)).rejects.toMatchObject({
      code: 'SYSTEM_CALL_FAILED',
      message: `cannot save ${unit}: read-only file system (EROFS)`,
      hint: 'findmnt -T /etc/systemd/system shows the file system that is read-only',
    })
    expect(etc(kernel)).toEqual(before)
  })

  test.each(['/opt/my tools/vfioctl', '/opt/50%/vfioctl', '/opt/$x/vfioctl', '/opt/"/vfioctl', 'vfioctl'])(
    'refuses %s, which a unit or a rule would read otherwise',
    async (script) => {
      const { kernel } = mock()
      const refused = installBoot(kernel, { program: ['/usr/bin/node', script], live: false })
      await expect(refused).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    },
  )

  test('says of mdevctl’s own rule whether it starts the same devices', async () => {
    const { kernel } = mock()
    const path = '/usr/lib/udev/rules.d/60-mdevctl.rules'
    put(kernel, path, 'RUN+="/usr/sbin/mdevctl start-parent-mdevs %k"\n')
    expect((await installBoot(kernel, image)).notes).toEqual([
      `mdevctl’s own ${path} starts nothing: it calls /usr/sbin/mdevctl, which is not there`,
    ])
    put(kernel, '/usr/sbin/mdevctl', '')
    expect((await installBoot(kernel, image)).notes).toEqual([
      expect.stringContaining('starts the same devices: harmless'),
      expect.stringContaining('ln -s /dev/null /etc/udev/rules.d/60-mdevctl.rules'),
    ])
    put(kernel, '/etc/udev/rules.d/60-mdevctl.rules', '')
    expect((await installBoot(kernel, image)).notes).toEqual([])
  })

  test.each([
    ['/usr/local/bin/vfioctl', true],
    ['../local/lib/node_modules/vfioctl/dist/bin/vfioctl.cjs', true],
    ['../../opt/mdevctl/bin/mdevctl', false],
    ['mdevctl', false],
  ])('says that mdevctl’s rule starts nothing where its program is a link to us (%s: %j)', async (target, isUs) => {
    const tree = new HostTree().link('usr/sbin/mdevctl', target)
    tree.file('usr/lib/udev/rules.d/60-mdevctl.rules', 'RUN+="/usr/sbin/mdevctl start-parent-mdevs %k"\n')
    const kernel = openLinux({ root: tree.root })
    const { notes } = await installBoot(kernel, { ...image, dryRun: true })
    expect(notes[0]).toContain(isUs ? 'under systemd it starts nothing' : 'starts the same devices: harmless')
  })

  test('has systemd and udev read the files where they run, and there alone', async () => {
    const { kernel } = mock()
    for (const path of ['/usr/bin/systemctl', '/usr/bin/udevadm', '/run/udev/control']) put(kernel, path, '')
    makeFolders(kernel, '/run/systemd/system')
    const run = [
      { action: 'run', path: '/usr/bin/systemctl', arguments: ['daemon-reload'] },
      { action: 'run', path: '/usr/bin/udevadm', arguments: ['control', '--reload'] },
    ]
    const live = { program, live: true, dryRun: true }
    const both = await installBoot(kernel, live)
    expect(both).toMatchObject({ notes: [] })
    expect(both.steps.slice(-2)).toEqual(run)
    kernel.files.unlink('/run/udev/control')
    const one = await installBoot(kernel, live)
    expect(one.notes).toEqual([expect.stringMatching(/^udev does not run here: .*: vfioctl restore --parent PARENT$/)])
    expect(one.steps.slice(-1)).toEqual(run.slice(0, 1))
    expect((await installBoot(kernel, { ...live, live: false })).steps.map(({ action }) => action)).toEqual(
      Array(5).fill('save'),
    )
  })

  test('says that nothing reads the units where systemd does not run, and runs nothing', async () => {
    const { kernel } = mock()
    for (const path of ['/usr/bin/systemctl', '/usr/bin/udevadm']) put(kernel, path, '')
    const { changed, steps, notes } = await installBoot(kernel, { program, live: true })
    expect(changed).toBe(true)
    expect(steps.map(({ action }) => action)).toEqual(Array(5).fill('save'))
    expect(notes).toEqual([expect.stringMatching(/^systemd does not run here: .*: vfioctl restore$/)])
    expect((await installBoot(kernel, image)).notes).toEqual([])
  })

  test('is done where systemd cannot be told of it, and says so', async () => {
    const { kernel } = mock()
    for (const path of ['/usr/bin/systemctl', '/run/udev/control']) put(kernel, path, '')
    makeFolders(kernel, '/run/systemd/system')
    const { changed, notes } = await installBoot(kernel, { program, live: true })
    expect(changed).toBe(true)
    expect(notes).toEqual([expect.stringMatching(/^\/usr\/bin\/systemctl daemon-reload could not be run: .*: run it/)])
  })
})

describe('boot remove', () => {
  test('leaves no trace', async () => {
    const { kernel } = mock()
    makeFolders(kernel, '/etc/systemd/system')
    const before = [etc(kernel), kernel.files.list('/etc/systemd/system').sort()]
    await installBoot(kernel, image)
    expect((await removeBoot(kernel, image)).steps.map(({ action }) => action)).toEqual(Array(5).fill('delete'))
    expect([etc(kernel), kernel.files.list('/etc/systemd/system').sort()]).toEqual(before)
    expect(await removeBoot(kernel, image)).toMatchObject({ changed: false, steps: [] })
  })

  test('ends what waits for parents in a system that runs', async () => {
    const { kernel } = mock()
    await installBoot(kernel, image)
    put(kernel, '/usr/bin/systemctl', '')
    makeFolders(kernel, '/run/systemd/system')
    const { steps } = await removeBoot(kernel, { live: true, dryRun: true })
    expect(steps.slice(-2)).toEqual([
      { action: 'run', path: '/usr/bin/systemctl', arguments: ['stop', 'vfioctl-restore@*.path'] },
      { action: 'run', path: '/usr/bin/systemctl', arguments: ['daemon-reload'] },
    ])
  })

  test('leaves what is somebody else’s, and names it', async () => {
    const { kernel } = mock()
    await installBoot(kernel, image)
    put(kernel, rule, 'ACTION=="add"\n')
    const target = '/etc/systemd/system/multi-user.target.d/other.conf'
    put(kernel, target, '[Unit]\n')
    const { steps, notes } = await removeBoot(kernel, image)
    expect(steps).toHaveLength(4)
    expect(notes).toEqual([`${rule} was not written by vfioctl: it is left as it is`])
    expect([kernel.files.kind(rule), kernel.files.kind(target)]).toEqual(['file', 'file'])
  })
})

test('boot install tells where another tool gives a device another driver at boot than the one that is kept', async () => {
  const { kernel } = mock()
  const device = '0000:00:1f.3'
  put(kernel, `/etc/vfioctl.d/bindings/${device}.json`, '{"driver":"none","vendor":"0x8086","device":"0xa348"}')
  put(kernel, `/etc/driverctl.d/pci-${device}`, 'vfio-pci\n')
  const { notes } = await installBoot(kernel, image)
  expect(notes).toEqual([
    `at the next boot vfio-pci may get ${device} all the same, by /etc/driverctl.d/pci-${device}:1: driverctl unset-override ${device}`,
  ])
})

describe('where a package has the units and the rule', () => {
  const tools = { systemctl: '/usr/bin/systemctl', mkdir: '/usr/bin/mkdir' }
  const packaged = packagedFiles(['/usr/bin/vfioctl'], tools)
  const enabled = '/etc/systemd/system/multi-user.target.wants/vfioctl-restore.service'
  const single = { program: ['/usr/bin/vfioctl'], live: false }

  function withPackage() {
    const { kernel } = mock()
    for (const { folder, name, content } of packaged) put(kernel, `${folder}/${name}`, content)
    return kernel
  }

  test('they are what boot install writes elsewhere, with a section for systemctl enable', () => {
    expect(packaged.map(({ folder, name }) => `${folder}/${name}`)).toEqual([
      '/usr/lib/systemd/system/vfioctl-restore.service',
      '/usr/lib/systemd/system/vfioctl-restore@.service',
      '/usr/lib/systemd/system/vfioctl-restore@.path',
      '/usr/lib/udev/rules.d/61-vfioctl.rules',
    ])
    expect(packaged[0]?.content).toMatch(
      /\nExecStart=\/usr\/bin\/vfioctl restore\n[^[]*\n\[Install\]\nWantedBy=multi-user\.target\n$/,
    )
  })

  test('boot install of that program writes nothing, and says how to enable them', async () => {
    const kernel = withPackage()
    const note = 'the package’s unit is disabled: systemctl enable vfioctl-restore.service'
    expect(await installBoot(kernel, single)).toEqual({ changed: false, dryRun: false, steps: [], notes: [note] })
    expect(restoreStatus(kernel.files).installed).toBe(false)
    put(kernel, enabled, '')
    expect(await installBoot(kernel, single)).toMatchObject({ changed: false, notes: [] })
    expect(restoreStatus(kernel.files)).toMatchObject({ installed: true, files: Array(5).fill({ state: 'packaged' }) })
  })

  test.each([
    ['/bin/vfioctl', 'bin', 'usr/bin', true],
    ['/opt/vfioctl', 'opt/vfioctl', '/usr/lib/vfioctl/vfioctl.cjs', true],
    ['/opt/vfioctl', 'opt/vfioctl', '/usr/lib/other/vfioctl.cjs', false],
  ])('boot install of %s, a link to %s, knows whether that is the program (%s: %j)', async (path, from, to, isIt) => {
    const tree = new HostTree().link('usr/bin/vfioctl', '../lib/vfioctl/vfioctl.cjs').link(from, to)
    tree.file('usr/lib/vfioctl/vfioctl.cjs', '').file('usr/lib/other/vfioctl.cjs', '')
    for (const { folder, name, content } of packaged) tree.file(`${folder.slice(1)}/${name}`, content)
    const kernel = openLinux({ root: tree.root })
    const { steps } = await installBoot(kernel, { program: ['/usr/bin/node', path], live: false, dryRun: true })
    expect(steps).toHaveLength(isIt ? 0 : 5)
  })

  test('what was written before the package came is deleted, as it would count in its place', async () => {
    const { kernel } = mock()
    const { steps } = await installBoot(kernel, single)
    for (const { folder, name, content } of packaged) put(kernel, `${folder}/${name}`, content)
    const change = await installBoot(kernel, single)
    expect(change.steps).toEqual(steps.map(({ path }) => ({ action: 'delete', path })))
    expect(kernel.files.kind(unit)).toBe(null)
  })

  test('another vfioctl’s boot install writes its own, which count in their place', async () => {
    const kernel = withPackage()
    expect(await installBoot(kernel, image)).toMatchObject({ changed: true })
    expect(kernel.files.read(unit)).toContain('ExecStart=/usr/bin/node /usr/local/bin/vfioctl restore')
  })

  test('boot remove leaves them, and says what ends them', async () => {
    const kernel = withPackage()
    put(kernel, enabled, '')
    expect(await removeBoot(kernel, { live: false })).toMatchObject({
      changed: false,
      notes: [
        expect.stringMatching(/systemctl disable vfioctl-restore\.service .*, systemctl mask vfioctl-restore@\.path /),
      ],
    })
  })
})
