// Debian's podman, with the file that we write for it: its container has the device's nodes, and those alone.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { program, vfioctl } from '../cli/vfioctl.ts'
import { bindPci } from '../contract/pci.ts'

const hasCgroups = existsSync('/proc/self/ns/pid') && existsSync('/sys/fs/cgroup')

/** A root folder for containers: what is in /usr is laid into it. */
let rootfs = ''
beforeAll(() => {
  if (!hasCgroups) return
  spawnSync('ldconfig')
  if (!existsSync('/sys/fs/cgroup/cgroup.procs')) spawnSync('mount', ['-t', 'cgroup2', 'none', '/sys/fs/cgroup'])
  rootfs = mkdtempSync('/run/rootfs-')
  for (const folder of ['usr', 'proc', 'sys', 'dev', 'tmp', 'etc', 'run']) mkdirSync(join(rootfs, folder))
  for (const name of ['bin', 'lib', 'lib64', 'sbin']) symlinkSync(`usr/${name}`, join(rootfs, name))
})

/** No daemon and no layers: the machine has neither systemd nor a disk for them. */
function podman(...words: readonly string[]) {
  const options = ['--cgroup-manager=cgroupfs', '--storage-driver=vfs', '--runtime=/usr/bin/crun']
  return spawnSync('podman', [...options, ...words], { encoding: 'utf8', timeout: 100_000 })
}

function container(name: string, ...options: readonly string[]): string[] {
  const seen = ['/usr', join(import.meta.dirname, '../..')].map((folder) => `--volume=${folder}:${folder}:ro`)
  return ['run', '--network=none', `--device=vfioctl/device=${name}`, ...seen, ...options, '--rootfs', rootfs]
}

it('opens a device in a container, and tells on the host who has it', async (context) => {
  if (!hasCgroups) context.skip('this kernel has no containers')
  const { address, group } = await bindPci(context, 'edu')
  const other = await bindPci(context, 'edu-root-port')
  expect(existsSync(`/dev/vfio/${other.group}`)).toBe(true)
  mkdirSync('/run/cdi', { recursive: true })
  expect(vfioctl(['cdi', address, '--output', '/run/cdi/vfioctl.json'])).toMatchObject({ status: 0 })
  const name = address.replaceAll(':', '-')

  // as on the host: crun would let everybody have the group's, if it were told no mode
  const listed = podman(...container(name, '--rm'), 'sh', '-c', 'cd /dev/vfio && stat -c "%n %a" *')
  expect(listed).toMatchObject({ status: 0, stdout: `${group} 600\nvfio 666\n` })
  const read = podman(...container(name, '--rm'), process.execPath, program, 'read', address, 'bar0', '0')
  expect(read).toMatchObject({ status: 0, stdout: '0x00000000: 0x010000ed\n' })

  const holding = podman(
    ...container(name, '--detach', '--name=holder'),
    'sh',
    '-c',
    `exec sleep 1000 3<>/dev/vfio/${group}`,
  )
  onTestFinished(() => void podman('rm', '--force', '--time=0', 'holder'))
  expect(holding).toMatchObject({ status: 0 })
  const pid = podman('inspect', '--format={{.State.Pid}}', 'holder').stdout.trim()
  expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('sleep\n')
  const refused = vfioctl(['release', address])
  expect(refused).toMatchObject({ status: 5, stderr: expect.stringContaining(`sleep (pid ${pid}) holds it open`) })
})
