import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { program } from './vfioctl.ts'
import { vmScenarioHost } from './vm-scenario-host.ts'

const edu = '0000:00:03.0'
const eduThatResets = '0000:01:00.0'
const e1000e = '0000:03:00.0'
const shared = ['0000:02:01.0', '0000:02:02.0'] as const

describe('a PCI device that vfio-pci has', () => {
  it.each(['00:03.0', edu, '/dev/vfio/3', `/sys/bus/pci/devices/${edu}`])('is read by the name %s', (name) => {
    expect(vmScenarioHost(edu)('read', name, 'config', 'device_id')).toMatchObject({ stdout: '0x00000002: 0x11e8\n' })
  })

  it('of several behind one node is asked for: exit 2, and their addresses', () => {
    const { status, stderr } = vmScenarioHost(...shared)('inspect', '/dev/vfio/5')
    expect(status).toBe(2)
    expect(stderr).toContain(`/dev/vfio/5 has several devices: ${shared.join(', ')}`)
  })

  it('is inspected with its group, its address ranges and its capabilities', () => {
    const { stdout } = vmScenarioHost(e1000e)('inspect', e1000e)
    expect(stdout).toMatch(/^id +8086:10d3, class 0x020000$/m)
    expect(stdout).toMatch(/^group +16, \/dev\/vfio\/16$/m)
    expect(stdout).toMatch(/^power +D3hot, control auto \(suspended\), D3cold allowed\nresets +pm bus$/m)
    expect(stdout).toMatch(/^IOVA +0x0-0xfedfffff\n +0xfef00000-0x7fffffffff$/m)
    expect(stdout).toMatch(/^0xa0 +msi-x +- +.*vectors 5, tableBar 3, .*pendingOffset 0x2000$/m)
    expect(stdout).toMatch(/^0x140 +device-serial-number +1 +serialNumber 52-54-00-ff-ff-12-34-56$/m)
  })

  it('is completed, and one that is not with VFIO is not', () => {
    const run = vmScenarioHost(edu)
    const words = ['--get-yargs-completions', 'vfioctl', 'reset', ...run.args, '']
    expect(run.plain(...words).stdout).toBe(`${edu}\n`)
  })
})

/** edu's registers take 32 bits; what is narrower does not reach them, and reads as zero. */
describe('in a memory BAR', () => {
  it('an access is 32 bits wide where no width is given', () => {
    const run = vmScenarioHost(edu)
    expect(run('read', edu, 'bar0', '0').stdout).toBe('0x00000000: 0x010000ed\n')
    expect(run('read', edu, 'bar0', '0', '--width', '8').stdout).toBe('0x00000000: 0x00\n')
    expect(run('write', edu, 'bar0', '4', '0xff', '--dry-run').stdout).toBe('write32 0x000000ff > bar0 0x4\n')
    expect(run('write', edu, 'bar0', '4', '0xff')).toMatchObject({ status: 0 })
  })

  it.each([
    ['read', 'bar0', '2'],
    ['read', 'bar0', '0', '--text', '-n', '4'],
    ['write', 'bar0', '3', '0x80'],
    ['write', 'bar0', '0', '--text', 'hello', '--dry-run'],
  ])('none that is narrower is guessed: %s %s %s is exit 2, and --width does it', (verb, ...args) => {
    const run = vmScenarioHost(edu)
    const { status, stdout, stderr } = run(verb, edu, ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toContain('say how wide an access is')
    expect(run(verb, edu, ...args, '--width', '8').status).toBe(0)
  })

  it('a dump is made of 32-bit accesses, those at its ends whole', () => {
    const run = vmScenarioHost(edu)
    run('write', edu, 'bar0', '4', '0x11223344')
    expect(run('dump', edu, 'bar0', '--length', '8').stdout).toContain('ed 00 00 01 bb cc dd ee')
    expect(run('dump', edu, 'bar0', '3', '--length', '3').stdout).toContain('00000003  01 bb cc ')
    expect(run('dump', edu, 'bar0', '--length', '8', '--width', '16').stdout).toContain('00 00 00 00 00 00 00 00')
  })

  it('a dump of many pieces has every byte once', () => {
    const run = vmScenarioHost(edu)
    const lines = run('dump', edu, 'bar0', '1', '--length', '0x10003').stdout.split('\n')
    expect([lines.length, lines.at(-2)?.slice(0, 20)]).toEqual([0x1000 + 2, '00010001  ff ff ff  '])
  })
})

describe('dump', () => {
  it('is hex of the region, of a part of it with an offset and a length', () => {
    const { stdout } = vmScenarioHost(edu)('dump', edu, 'config', '0x2c', '--length', '20')
    expect(stdout).toBe(
      '0000002c  f4 1a 00 11 00 00 00 00  40 00 00 00 00 00 00 00  |........@.......|\n' +
        '0000003c  0b 01 00 00                                       |....|\n',
    )
    expect(vmScenarioHost(edu)('dump', edu, 'config').stdout.split('\n')).toHaveLength(16 + 1)
  })

  it('--output has the bytes, over what was there, and JSON says where', () => {
    const file = join(mkdtempSync(join(tmpdir(), 'vfioctl-dump-')), 'config.bin')
    writeFileSync(file, 'before')
    const { stdout } = vmScenarioHost(edu)('dump', edu, 'config', '--length', '4', '-o', file, '--json')
    expect(readFileSync(file).toString('hex')).toBe('3412e811')
    expect(JSON.parse(stdout)).toEqual({ device: edu, region: 'config', offset: 0, length: 4, output: file })
    expect(JSON.parse(vmScenarioHost(edu)('dump', edu, 'config', '-l', '4', '--json').stdout)).toEqual({
      device: edu,
      region: 'config',
      offset: 0,
      length: 4,
      bytes: '3412e811',
    })
  })

  it('that fails on its way leaves the file as it was, and nothing beside it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfioctl-dump-'))
    const file = join(folder, 'bar.bin')
    writeFileSync(file, 'before')
    const run = vmScenarioHost(edu)
    // BAR 0 is 1 MiB: pieces are read before it is asked for more than there is
    expect(run('dump', edu, 'bar0', '0', '-l', '0x100001', '-o', file).status).toBe(2)
    expect(run('dump', edu, 'bar0', '-o', join(folder, 'no', 'such', 'folder')).status).toBe(3)
    expect(run('dump', edu, 'bar2', '-o', file).status).toBe(6)
    expect(readdirSync(folder)).toEqual(['bar.bin'])
    expect(readFileSync(file, 'utf8')).toBe('before')
  })
})

describe('reset', () => {
  it('resets a device that can be reset; --dry-run only says so', () => {
    const run = vmScenarioHost(eduThatResets)
    expect(run('reset', eduThatResets)).toEqual({ status: 0, stdout: '', stderr: `reset ${eduThatResets}\n` })
    expect(run('reset', eduThatResets, '--dry-run').stdout).toBe(`ioctl VFIO_DEVICE_RESET > ${eduThatResets}\n`)
    expect(JSON.parse(run('reset', eduThatResets, '--json').stdout)).toEqual({
      device: eduThatResets,
      changed: true,
      dryRun: false,
    })
  })

  it.each([[[]], [['--dry-run']]])('of one that cannot is exit 6 and a hint %j', (options) => {
    const { status, stderr } = vmScenarioHost(edu)('reset', edu, ...options)
    expect(status).toBe(6)
    expect(stderr).toMatch(/^vfioctl: cannot reset device 0000:00:03\.0: it has no reset of its own\nhint: .*\n$/)
  })
})

describe('reset --try', () => {
  it('--force without it is refused, and nothing is reset: VFIO takes a device from nobody', () => {
    const { status, stdout, stderr } = vmScenarioHost(eduThatResets)('reset', eduThatResets, '--force')
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(
      /^vfioctl: --force goes with --try: .*\nhint: vfioctl reset .*0000:01:00\.0 --try --force\n$/,
    )
  })

  it('says the ways there are and the cost of each, then stops at the first that helps', () => {
    const run = vmScenarioHost(e1000e)
    const folder = `/sys/bus/pci/devices/${e1000e}`
    const { stdout } = run('reset', e1000e, '--try', '--dry-run')
    expect(stdout.split('\n').filter((line) => !line.startsWith(' '))).toEqual([
      `${e1000e} answers`,
      expect.stringMatching(/^pm: to D3hot and back/),
      expect.stringMatching(/^bus: its slot or bus is reset/),
      '',
    ])
    expect(stdout).toContain(`  write 'pm' > ${folder}/reset_method\n  write '1' > ${folder}/reset\n`)
    expect(run('reset', e1000e, '--try')).toMatchObject({
      status: 0,
      stderr: expect.stringContaining(`${e1000e} is reset by pm\n`),
    })
    expect(JSON.parse(run('reset', e1000e, '--try', '--json').stdout)).toMatchObject({
      device: e1000e,
      answered: true,
      recovered: true,
      attempts: [{ way: 'pm', outcome: 'helped', refusal: null }],
    })
  })
})

describe('irq', () => {
  it.each(['intx', 'msi', '1'])('trigger %s raises one, and sees it come', (index) => {
    const { status, stdout } = vmScenarioHost(edu)('irq', edu, 'trigger', index, '--json')
    expect(status).toBe(0)
    expect(JSON.parse(stdout)).toMatchObject({ device: edu, vector: 0, count: 1 })
  })

  it('trigger --dry-run opens the device and raises nothing, and says what it would do', () => {
    const run = vmScenarioHost(edu)
    const said = `ioctl VFIO_DEVICE_SET_IRQS > ${edu} (trigger msi 0)\n`
    expect(run('irq', edu, 'trigger', 'msi', '--dry-run')).toEqual({ status: 0, stdout: said, stderr: '' })
    expect(run('irq', edu, 'trigger', 'msi', '99', '--dry-run').status).not.toBe(0)
    expect(run('irq', edu, 'watch', 'msi', '--dry-run').status).toBe(2)
  })

  it('watch ends with its time, and fails where what it counts did not come by then', () => {
    const run = vmScenarioHost(edu)
    expect(run('irq', edu, 'watch', 'intx', '--timeout', '0.05')).toEqual({ status: 0, stdout: '', stderr: '' })
    const late = run('irq', edu, 'watch', '--count', '1', '--timeout', '0.05', '--bus-master')
    expect(late.status).toBe(1)
    expect(late.stderr).toMatch(/^vfioctl: msi of 0000:00:03\.0 had 0 of 1 event in time\nhint: .*\n$/)
  })

  it.each(['SIGINT', 'SIGHUP'] as const)(
    'watch ends cleanly with %s: 130, and the device is free again',
    async (signal) => {
      const run = vmScenarioHost(edu)
      const child = spawn(process.execPath, [program, ...run.args, 'irq', edu, 'watch', 'msi'], {
        env: { ...process.env, ...run.env },
        stdio: ['ignore', 'inherit', 'pipe'],
      })
      const ended = once(child, 'exit')
      // it says that the bus is not mastered, and goes on
      await once(child.stderr, 'data')
      child.kill(signal)
      expect(await ended).toEqual([130, null])
      expect(run('read', edu, 'config', 'vendor_id').status).toBe(0)
    },
  )

  it.each([
    [2, ['poke'], "'poke' is neither watch nor trigger"],
    [2, ['trigger'], 'name the interrupt to trigger'],
    [2, ['trigger', 'msi', '7'], 'msi has no vector 7'],
    [2, ['trigger', 'msi', '--count', '1'], '--count does not go with trigger'],
    [2, ['watch', 'msi', '--vectors', '3-1'], "'3-1' is not a list of vectors"],
    [2, ['watch', 'msi', '--timeout', '1e3'], "'1e3' is not a number of seconds"],
    [2, ['watch', 'msi', '--count', '0'], '--count 0 would watch nothing'],
    [3, ['watch', 'msi-y'], 'has no irq msi-y'],
    [6, ['watch', 'msix'], 'has no msix to enable'],
  ])('exit %i: %j', (status, args, message) => {
    const output = vmScenarioHost(edu)('irq', edu, ...args)
    expect(output.status).toBe(status)
    expect(output.stderr).toContain(message)
  })
})
