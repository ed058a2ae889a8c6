import { describe, expect, it } from 'vitest'
import { mockHost } from './vfioctl.ts'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

function serialCard(): ReturnType<typeof mockHost> {
  const run = mockHost()
  run('start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2')
  return run
}

describe('read', () => {
  it('is as wide as the register that is named, else 32 bits, and less where the offset asks for it', () => {
    const run = serialCard()
    expect(run('read', uuid, 'config', '0').stdout).toBe('0x00000000: 0x32534348\n')
    expect(run('read', uuid, 'config', '2').stdout).toBe('0x00000002: 0x3253\n')
    expect(run('read', uuid, 'config', '1').stdout).toBe('0x00000001: 0x43\n')
    expect(run('read', uuid, 'config', '0xfe').stdout).toBe('0x000000fe: 0x00\n')
    expect(run('read', uuid, 'config', 'vendor_id').stdout).toBe('0x00000000: 0x4348\n')
    expect(run('read', uuid, 'config', 'PCI_DEVICE_ID').stdout).toBe('0x00000002: 0x3253\n')
    expect(run('read', uuid, '7', '0x2', '-w', '16').stdout).toBe('0x00000002: 0x3253\n')
  })

  it('several values stand on lines of their own, in little-endian bytes with --raw', () => {
    const run = serialCard()
    expect(run('read', uuid, 'config', '0', '-w', '16', '-n', '2').stdout).toBe(
      '0x00000000: 0x4348\n0x00000002: 0x3253\n',
    )
    expect(run('read', uuid, 'config', '0', '-w', '16', '-n', '2', '--raw').stdout).toBe('HCS2')
  })

  it('--text shows control characters as escapes', () => {
    const run = serialCard()
    run('write', uuid, 'bar0', '0', '--fifo', '0x1b', '0x41', '--width', '8')
    expect(run('read', uuid, 'bar0', '0', '-n', '2', '--fifo', '--text').stdout).toBe('\\x1bA\n')
  })

  it('JSON has numbers, and 64 bits as a hex string', () => {
    const run = serialCard()
    const shown = { device: uuid, region: 'config', offset: 0, fifo: false }
    expect(JSON.parse(run('read', uuid, 'config', '0', '-w', '32', '--json').stdout)).toEqual({
      ...shown,
      width: 32,
      values: [0x32534348],
    })
    expect(JSON.parse(run('read', uuid, 'config', '0', '-w', '64', '--json').stdout)).toEqual({
      ...shown,
      width: 64,
      values: ['0x200000132534348'],
    })
  })

  it.each([
    ['a region that is not there', 'bar9', '0', 3, 'has no region bar9'],
    ['an offset beyond the region', 'config', '0xff', 2, 'it is 0xff bytes long'],
    ['an offset that yargs would take for 12000', 'config', '12e3', 2, "offset '12e3' is not a whole number"],
    ['a name that is no register', 'config', 'vendro', 2, 'registers are vendor_id'],
    ['a width that is none', 'config', '0 -w 12', 2, "--width is 8, 16, 32 or 64, not '12'"],
  ])('%s', (_what, region, offset, status, message) => {
    const output = serialCard()('read', uuid, region, ...offset.split(' '))
    expect(output).toMatchObject({ status, stdout: '' })
    expect(output.stderr).toContain(message)
  })
})

describe('write', () => {
  it('consecutive values go to consecutive offsets', () => {
    const run = serialCard()
    expect(run('write', uuid, 'bar0', '3', '0x80')).toMatchObject({ status: 0, stdout: '' })
    run('write', uuid, 'bar0', '0', '0x0c', '1', '-w', '8')
    expect(run('read', uuid, 'bar0', '0', '-n', '2', '-w', '8').stdout).toContain('0c 01')
  })

  it('--dry-run prints each access and makes none', () => {
    const run = serialCard()
    expect(run('write', uuid, 'bar0', '3', '0x80', '0x01', '--dry-run').stdout).toBe(
      'write8 0x80 > bar0 0x3\nwrite8 0x01 > bar0 0x4\n',
    )
    expect(run('read', uuid, 'bar0', '3').stdout).toBe('0x00000003: 0x00\n')
  })

  it.each([
    [
      'text in accesses of more than a byte',
      ['bar0', '0', '--text', 'x', '-w', '32'],
      '--text is written byte by byte',
    ],
    ['a value too wide', ['bar0', '3', '256'], 'value 256 does not fit 8 bits\nhint: --width 16'],
    ['a negative value', ['bar0', '3', '--', '-1'], "value '-1' is not a whole number"],
    ['no value', ['bar0', '3'], 'no values to write'],
    ['values and text', ['bar0', '3', '1', '--text', 'x'], 'values and --text exclude each other'],
    ['the last of several beyond the region', ['bar0', '7', '1', '2'], 'the region is 0x8 bytes long'],
  ])('%s: exit 2, and nothing is written', (_what, args, message) => {
    const run = serialCard()
    const { status, stderr } = run('write', uuid, ...args)
    expect(stderr).toContain(message)
    expect(status).toBe(2)
    expect(run('read', uuid, 'bar0', '7').stdout).toBe('0x00000007: 0x00\n')
  })
})

describe('inspect', () => {
  it('takes a UUID in any form, a node or a path in /sys', () => {
    const run = serialCard()
    const { stdout } = run('inspect', uuid)
    for (const name of [`{${uuid.toUpperCase()}}`, '/dev/vfio/7', `/sys/bus/mdev/devices/${uuid}`]) {
      expect(run('inspect', name).stdout).toBe(stdout)
    }
  })

  it('shows the addresses that the device may use, and not itself among the users', () => {
    const { stdout } = serialCard()('inspect', uuid)
    expect(stdout).toMatch(
      /^IOMMU {7}type1v2, pages from 4 KiB, 65535 mappings left\nIOVA {8}0x0-0xffffffffffffffff\n\n/m,
    )
    expect(stdout).not.toContain('used by')
  })

  it('of a PCI device that its own driver has is exit 6, with the command that gives it to VFIO', () => {
    const { status, stdout, stderr } = mockHost()('inspect', '3b:00.0')
    expect({ status, stdout }).toEqual({ status: 6, stdout: '' })
    expect(stderr).toContain('cannot open 0000:3b:00.0: the driver nvidia has it')
    expect(stderr).toContain('hint: vfioctl bind --mock 0000:3b:00.0')
  })

  it('JSON has the virtual device, its group, the opened device and its configuration space', () => {
    const { stdout } = serialCard()('inspect', uuid, '--json')
    expect(JSON.parse(stdout)).toMatchObject({
      group: { number: 7, viable: true, users: [] },
      addressSpace: { mode: 'type1v2', pageSize: 4096, ranges: [{ first: '0x0', last: '0xffffffffffffffff' }] },
      config: { header: { vendorId: 0x4348, classCode: 0x700 }, capabilities: [], extendedCapabilities: [] },
      warnings: [],
      virtualDevice: { kind: 'mdev', uuid, active: true },
      device: {
        name: uuid,
        flags: { pci: true, reset: false },
        numRegions: 9,
        regions: { 7: { name: 'config', size: '0xff' } },
      },
    })
  })
})
