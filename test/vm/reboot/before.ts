import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { program, vfioctl } from '../../cli/vfioctl.ts'
import { active, background, define, run } from '../defined-devices.ts'
import { byHand, card, display, nvme, onMtty } from './definitions.ts'
import { atBoot, property, reload, said, settle } from './systemd.ts'

const devices = '/sys/bus/pci/devices'
const patience = { timeout: 60_000, interval: 200 }
const ofMtty = 'vfioctl-restore@mtty.service'

function driver(): string | null {
  const link = `${devices}/${card}/driver`
  return existsSync(link) ? basename(readlinkSync(link)) : null
}

const script = '/etc/mdevctl.d/scripts.d/callouts/tries.sh'
/** Says what the sandbox of whoever asks it lets it do. */
const tryThings = `#!/bin/sh
[ "$4 $6" = "pre start" ] || exit 0
try() {
  if sh -c "$1" 2>/dev/null; then echo "may: $1"; else echo "may not: $1"; fi >>/run/tried
}
try 'echo 0 >/sys/bus/pci/rescan'
try ': </dev/kmsg'
try ': >/var/tried'
try ': >/etc/tried'
try 'echo 0 >/proc/sys/kernel/sysrq'
try 'echo 0 >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode'
try ': </dev/nvme0n1'
try 'unshare -m true'
echo tried >&2
`

function stopByHand(uuid: string): void {
  writeFileSync(`/sys/bus/mdev/devices/${uuid}/remove`, '1')
}

beforeAll(() => {
  for (const uuid of onMtty) define(uuid, 'mtty', 'mtty-1', 'auto')
  define(byHand, 'mtty', 'mtty-2', 'manual')
  define(display, 'mdpy', 'mdpy-vga', 'auto')
})

it('Debian’s own rule of mdevctl starts nothing, as the program that it calls is not there', async () => {
  reload('mtty')
  await settle()
  expect(active()).toEqual([])
  symlinkSync('/usr/bin/mdevctl', '/usr/sbin/mdevctl')
  reload('mtty')
  await settle()
  rmSync('/usr/sbin/mdevctl')
  expect(active()).toEqual(onMtty)
})

it('restore tells of a parent that is not there, and starts what is on others', () => {
  const [parent, uuid] = ['0000:3b:00.0', '83b8f4f2-509f-382f-3c1e-e6bfe0fa1206']
  define(uuid, parent, 'nvidia-222', 'auto')
  reload('mtty')
  const { status, stderr } = vfioctl(['restore', '--timeout', '1'])
  rmSync(`/etc/mdevctl.d/${parent}`, { recursive: true })
  expect(status).not.toBe(0)
  expect(stderr).toContain(
    `no parent: ${uuid} on ${parent} (nvidia-222): its parent ${parent} is not there: this host has no such device`,
  )
  expect(active()).toEqual([...onMtty, display])
})

describe('with what boot install wrote', () => {
  beforeAll(() => {
    expect(vfioctl(['boot', 'install'])).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/ran \S+ daemon-reload\nran \S+ control --reload\nnote: mdevctl’s own /),
    })
  })

  it('multi-user.target wants the unit, which is over before libvirt starts', () => {
    expect(property('multi-user.target', 'Wants').split(' ')).toContain(atBoot)
    expect(property(atBoot, 'Before').split(' ')).toEqual(
      expect.arrayContaining(['libvirtd.service', 'virtqemud.service', 'virtnodedevd.service']),
    )
  })

  it('each unit has the sandbox that it needs and no more, by systemd’s own measure', () => {
    // at most 4.0 of 10
    run('systemd-analyze', 'security', '--no-pager', '--threshold=40', atBoot, ofMtty)
  })

  it('what is defined on a parent starts as its driver is loaded, with its owner, and a vendor’s script is asked', async () => {
    const [first = ''] = onMtty
    const owner = `/etc/vfioctl.d/node-owners/${first}.json`
    mkdirSync(dirname(owner), { recursive: true })
    writeFileSync(owner, '{"user":"daemon","group":null,"mode":"0660"}')
    mkdirSync(dirname(script), { recursive: true })
    writeFileSync(script, tryThings, { mode: 0o755 })
    reload('mtty')
    await vi
      .waitFor(() => expect(active()).toEqual([...onMtty, display]), patience)
      .catch((error) => {
        throw new Error(`the unit said:\n${said(ofMtty).join('\n')}`, { cause: error })
      })
    await settle()
    rmSync(script)
    rmSync(owner)
    expect(property(ofMtty, 'Result')).toBe('success')
    const group = basename(readlinkSync(`/sys/bus/mdev/devices/${first}/iommu_group`))
    const { uid, mode } = statSync(`/dev/vfio/${group}`)
    expect({ uid, mode: mode & 0o777 }).toEqual({ uid: 1, mode: 0o660 })
  })

  it('a vendor’s script has of the unit what changes devices, and places for its own files', () => {
    expect(said(ofMtty)).toContain('tries.sh: tried')
    expect(readFileSync('/run/tried', 'utf8').split('\n').slice(0, 8)).toEqual([
      'may: echo 0 >/sys/bus/pci/rescan',
      'may: : </dev/kmsg',
      'may: : >/var/tried',
      'may not: : >/etc/tried',
      'may not: echo 0 >/proc/sys/kernel/sysrq',
      'may not: echo 0 >/sys/module/vfio/parameters/enable_unsafe_noiommu_mode',
      'may not: : </dev/nvme0n1',
      'may not: unshare -m true',
    ])
  })

  it('what is plugged in again gets the driver that it was bound to, which the unit loads, and its virtual functions', async () => {
    expect(vfioctl(['bind', card])).toMatchObject({ status: 0 })
    const count = `/etc/vfioctl.d/sriov/${nvme}.json`
    mkdirSync(dirname(count), { recursive: true })
    writeFileSync(count, '{"count":2}')
    for (const address of [card, nvme]) writeFileSync(`${devices}/${address}/remove`, '1')
    expect(driver()).toBe(null)
    run('modprobe', '-r', 'vfio-pci')
    writeFileSync('/sys/bus/pci/rescan', '1')
    const functions = () => readdirSync(`${devices}/${nvme}`).filter((name) => name.startsWith('virtfn'))
    await vi.waitFor(() => expect(driver(), said(`vfioctl-restore@${card}.service`).join()).toBe('vfio-pci'), patience)
    await vi.waitFor(
      () => expect(functions(), said(`vfioctl-restore@${nvme}.service`).join()).toHaveLength(2),
      patience,
    )
    await settle()
    rmSync(count)
    writeFileSync(`${devices}/${nvme}/sriov_numvfs`, '0')
  })

  it('a parent that comes again while the unit is about to end is looked at once more', async () => {
    const slow = '/run/systemd/system/vfioctl-restore@.service.d'
    mkdirSync(slow, { recursive: true })
    writeFileSync(`${slow}/slow.conf`, '[Service]\nExecStartPost=sleep 15\n')
    run('systemctl', 'daemon-reload')
    reload('mtty')
    await vi.waitFor(() => expect(property(ofMtty, 'SubState')).toBe('start-post'), patience)
    expect(active()).toEqual([...onMtty, display])
    reload('mtty')
    expect(active()).toEqual([display])
    expect(property(ofMtty, 'SubState')).toBe('start-post')
    await vi.waitFor(() => expect(active()).toEqual([...onMtty, display]), patience)
    rmSync(slow, { recursive: true })
    run('systemctl', 'daemon-reload')
    await settle()
  })

  it('each starts once beside a restore that runs at the same time', async () => {
    run('modprobe', '-r', 'mtty')
    const restore = background(process.execPath, program, 'restore')
    await vi.waitFor(() => expect(restore.said()).toContain('waiting for mtty, at most 60 s'), patience)
    const before = said(ofMtty).length
    run('modprobe', 'mtty')
    expect(await restore.ended).toBe(0)
    await settle()
    const outcomes = [...restore.said(), ...said(ofMtty).slice(before)]
    for (const uuid of onMtty) {
      const its = outcomes.filter((line) => line.includes(uuid)).map((line) => line.split(':')[0])
      expect(its.sort()).toEqual(['already there', 'started'])
    }
    expect(property(ofMtty, 'Result')).toBe('success')
    expect(active()).toEqual([...onMtty, display])
  })

  it('what an admin has stopped stays stopped when something else happens', async () => {
    const [first = '', ...others] = onMtty
    stopByHand(first)
    writeFileSync(`${devices}/${card}/driver/unbind`, card)
    reload('mdpy')
    for (const action of ['add', 'change']) {
      run('udevadm', 'trigger', `--action=${action}`, '/sys/class/mdev_bus/mtty', `${devices}/${card}`)
    }
    await settle()
    expect(active()).toEqual([...others, display])
    expect(driver()).toBe(null)
  })
})

/** For the machine when it is booted again. */
afterAll(() => {
  // The kernel has mtty before systemd runs: it goes, and comes ten seconds after it was first asked for.
  addUnit('no-mtty', 'multi-user.target', `[Unit]\nBefore=${atBoot}\n`, 'modprobe -r mtty')
  const asked = `until journalctl -u ${atBoot} | grep -q "waiting for mtty"; do sleep 1; done`
  addUnit('late-mtty', 'multi-user.target', '', `sh -c '${asked}; sleep 10; modprobe mtty'`)
  // In libvirtd's place: what there is as that would start.
  addUnit('libvirtd', 'multi-user.target', '', 'ls /sys/bus/mdev/devices')
  const kept = ['etc/mdevctl.d', 'etc/vfioctl.d', 'etc/systemd/system', 'etc/udev/rules.d']
  execFileSync('tar', ['-cf', '/run/vm/out/etc.tar', '-C', '/', ...kept])
})

function addUnit(name: string, target: string, section: string, command: string): void {
  const folder = '/etc/systemd/system'
  writeFileSync(`${folder}/${name}.service`, `${section}[Service]\nType=oneshot\nExecStart=${command}\n`)
  mkdirSync(`${folder}/${target}.wants`, { recursive: true })
  symlinkSync(`../${name}.service`, `${folder}/${target}.wants/${name}.service`)
}
