import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { vmScenario } from '../contract/vm-scenario.ts'
import { mockHost, vfioctl } from './vfioctl.ts'

const sound = '0000:00:1f.3'

it('bind and groups say that VFIO refuses a device for its interrupts, before it is opened or even bound', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-unsafe-'))
  const scenario = join(folder, 'vm-scenario.json')
  // edu gets its group with its first driver, as on arm64
  const pci = vmScenario.pci.map((it) => (it.address === '0000:00:03.0' ? { ...it, groupedWhenProbed: true } : it))
  writeFileSync(scenario, JSON.stringify({ ...vmScenario, pci, isolatesInterrupts: false }))
  const env = { XDG_STATE_HOME: join(folder, 'state') }
  const run = (...args: string[]) => vfioctl([`--mock=${scenario}`, ...args], { env })
  const refused = 'VFIO opens no PCI device here (EPERM)'
  expect(run('bind', '00:03.0', '--dry-run').stderr).toContain(refused)
  expect(run('bind', '00:03.0')).toMatchObject({ status: 0, stderr: expect.stringContaining(refused) })
  expect(run('groups', '00:03.0').stderr).toContain(refused)
  expect(run('inspect', '00:03.0').status).toBe(4)
})

describe('bind and release', () => {
  it('say what they do, what keeps the group from VFIO, and that it is already so', () => {
    const run = mockHost()
    const notViable =
      'group 3 is not viable yet: 0000:00:1f.4 is with i801_smbus; with --group, bind takes the whole group\n'
    expect(run('bind', '00:1f.3')).toEqual({
      status: 0,
      stdout: '',
      stderr: `${sound} is with vfio-pci now (snd_hda_intel had it)\n${notViable}`,
    })
    expect(run('bind', sound).stderr).toBe(`already with vfio-pci: ${sound}; nothing to do\n${notViable}`)
    expect(run('bind', sound, '--group').stderr.split('\n')).toHaveLength(4)
    expect(run('release', '/dev/vfio/3').status).toBe(2)
    const released = run('release', sound, '-g', '--json')
    expect(JSON.parse(released.stdout)).toMatchObject([{ to: null }, { to: 'snd_hda_intel' }, { to: 'i801_smbus' }])
    expect(run('release', sound).stderr).toBe(`already released: ${sound} is with snd_hda_intel; nothing to do\n`)
  })

  it('set power and keep it; a setting alone leaves the driver as it is', () => {
    const run = mockHost()
    const network = '0000:00:1f.6'
    expect(run('bind', network, '--power', 'on', '--d3cold', 'off').status).toBe(0)
    expect(run('bind', network, '--power', 'auto').stderr).toBe(
      `${network} stays with vfio-pci; its settings are changed\n`,
    )
    expect(run('list', '--kept').stdout).toContain('VFIO’s best driver, power auto, D3cold not allowed')
    expect(run('inspect', network).stdout).toMatch(/^power .*control auto .*D3cold not allowed$/m)
    expect(run('bind', network, '--power', 'default').status).toBe(0)
    expect(run('list', '--kept').stdout).toMatch(/ VFIO’s best driver, D3cold not allowed /)
    expect(run('release', network).status).toBe(0)
    expect(run('list', '--kept').stdout).toBe('')
  })

  it('set power for this boot alone, which a release takes back', () => {
    const run = mockHost()
    const network = '0000:00:1f.6'
    expect(run('bind', network, 'e1000e', '--transient', '--power', 'auto').status).toBe(0)
    expect(run('bind', network, 'e1000e', '--transient', '--power', 'auto').stderr).toContain('nothing to do')
    expect(run('list', '--kept').stdout).toBe('')
    expect(run('release', network).stderr).toBe(`${network} stays with e1000e; its settings are changed\n`)
    expect(run('release', network).stderr).toContain('nothing to do')
  })

  it.each([
    [['--power', 'off'], '--power is on or auto or default'],
    [['--d3cold', 'no'], '--d3cold is off or on or default'],
    [['--reset-methods', 'flr,kick'], "'kick' is no way to reset a device"],
    [['--reset-methods', 'flr,flr'], 'names one way twice'],
    [['--bars', '6=8G'], "'6=8G' is not BAR=SIZE"],
    [['--bars', '1=3G'], 'a size is a power of two'],
    [['--bars', '1=8G,1=4G'], 'names a BAR twice'],
  ])('%j is a usage error', (options, message) => {
    const { status, stderr } = mockHost()('bind', sound, ...options)
    expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringContaining(message) })
  })

  it('print the exact writes and make none', () => {
    const run = mockHost()
    expect(run('bind', sound, '--dry-run').stdout.split('\n').slice(0, 4)).toEqual([
      `write 'vfio-pci' > /sys/bus/pci/devices/${sound}/driver_override`,
      `write '${sound}' > /sys/bus/pci/devices/${sound}/driver/unbind`,
      `write '${sound}' > /sys/bus/pci/drivers_probe`,
      `save /etc/vfioctl.d/bindings/${sound}.json`,
    ])
    expect(run('release', sound).stderr).toContain('already released')
  })

  it('bind early, show it with what is kept, and take it back', () => {
    const run = mockHost()
    const card = '0000:00:1f.6'
    const steps = run('bind', card, '--early', '--dry-run').stdout
    expect(steps).toContain('save /etc/udev/rules.d/05-vfioctl-early.rules\n')
    expect(steps).toMatch(/^run \/usr\/sbin\/update-initramfs -u -k \S+$/m)
    expect(run('bind', card, '--early')).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/vfioctl\.early=0 .*\n.* is with vfio-pci now/),
    })
    expect(run('list', '--kept').stdout).toMatch(/^0000:00:1f\.6 +VFIO’s best driver, early /m)
    expect(run('bind', card, '--early').stderr).toContain('nothing to do')
    expect(run('bind', card, '--no-early', '--early').status).toBe(2)
    expect(run('bind', card, '--no-early').stderr).toContain('stays with vfio-pci; what is kept')
    expect(run('bind', card, '--no-early').stderr).toContain('nothing to do')
    expect(run('list', '--kept').stdout).not.toContain('early')
  })

  it.each([
    ['a device that is not there', ['bind', '7f:00.0'], 3],
    ['a driver that is not there', ['bind', sound, 'nosuch'], 3],
    ['a driver named like an option', ['bind', sound, '--', '-r'], 2],
    ['a mediated device', ['bind', '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'], 2],
    ['a bridge', ['bind', '3a:00.0'], 6],
  ])('%s: one line and a hint', (_what, args, status) => {
    const result = mockHost()(...args)
    expect(result).toMatchObject({ status, stdout: '' })
    expect(result.stderr).toMatch(/^vfioctl: .*\nhint: .*\n$/)
  })
})
