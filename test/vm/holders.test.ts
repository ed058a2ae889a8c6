import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { afterEach, expect, it, onTestFinished } from 'vitest'
import { parseUuid } from '../../src/base/units.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { findMdevDevice } from '../../src/lifecycle/kinds/mdev/mdev-devices.ts'
import { vfioctl } from '../cli/vfioctl.ts'
import { isLinuxBefore } from '../contract/kernel.ts'

const uuid = parseUuid('83b8f4f2-509f-382f-3c1e-e6bfe0fa1005')

afterEach(() => {
  vfioctl(['stop', uuid])
})

/** Starts mtty's device, and a process that has it open, once it says so; the device can be stopped when that has ended. */
async function hold(command: (node: string, group: number) => readonly [string, ...string[]]) {
  vfioctl(['start', '-u', uuid, '-p', 'mtty', '-t', 'mtty-1'])
  const device = findMdevDevice(openLinux().files, uuid)
  const [program, ...words] = command(device?.deviceNode ?? device?.node ?? '', device?.group ?? -1)
  const holder = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] })
  onTestFinished(async () => {
    if (holder.exitCode === null) holder.kill('SIGKILL')
  })
  const ended = once(holder, 'exit').then(() => Promise.reject(new Error(`${program} has ended`)))
  const [said] = await Promise.race([once(holder.stdout.setEncoding('utf8'), 'data'), ended])
  ended.catch(() => {})
  const end = async () => {
    holder.kill('SIGKILL')
    await once(holder, 'exit')
    expect(vfioctl(['stop', uuid]).status).toBe(0)
  }
  return { pid: holder.pid, said: String(said), end }
}

/** The number of a process's only child, by /proc/PID/status; the list in /proc/PID/task is there with CONFIG_PROC_CHILDREN alone. */
function childOf(parent: number | undefined): string | undefined {
  const isChild = (pid: string) => {
    try {
      return readFileSync(`/proc/${pid}/status`, 'utf8').includes(`\nPPid:\t${parent}\n`)
    } catch {
      return false // it has ended since its name was read
    }
  }
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .find(isChild)
}

function refusal(): string {
  const { status, stderr } = vfioctl(['stop', uuid])
  expect(status).toBe(5)
  return stderr
}

it('a process in another mount namespace, where the node has another name, keeps a device from being stopped', async () => {
  const { pid, end } = await hold((node) => {
    const open = `mount --bind ${dirname(node)} /mnt && exec 3<>/mnt/${basename(node)} && echo open && read end`
    return ['unshare', '--mount', 'sh', '-c', open]
  })
  // only fdinfo, since 6.18, tells which device a descriptor is of; a group's node is told by its name alone
  const isTold = existsSync('/dev/vfio/devices')
  expect(refusal()).toContain(isTold ? `sh (pid ${pid}) holds it open` : 'holds it open')
  await end()
})

it('so does one in a container, with a number of its own there', async ({ skip }) => {
  if (!existsSync('/proc/self/ns/pid')) skip('this kernel has no PID namespaces')
  const { pid, said, end } = await hold((node) => {
    const open = `exec 3<>${node} && echo $$ && read end`
    // killed with it, as all is in a PID namespace whose first process ends
    return ['unshare', '--pid', '--mount', '--fork', '--mount-proc', '--kill-child', 'sh', '-c', open]
  })
  expect(said).toBe('1\n')
  expect(refusal()).toContain(`sh (pid ${childOf(pid)}) holds it open`)
  await end()
})

/** Opens the device by its group, and passes that descriptor alone to a child: it has no name in /dev. */
const pass = `
import fcntl, os, socket, struct, sys, time
device, group = sys.argv[1:]
SET_IOMMU, SET_CONTAINER, GET_DEVICE_FD = 0x3b66, 0x3b68, 0x3b6a
near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
if os.fork() == 0:
    container, node = os.open('/dev/vfio/vfio', os.O_RDWR), os.open('/dev/vfio/' + group, os.O_RDWR)
    fcntl.ioctl(node, SET_CONTAINER, struct.pack('i', container))
    fcntl.ioctl(container, SET_IOMMU, 1)
    opened = fcntl.ioctl(node, GET_DEVICE_FD, bytearray(device.encode() + b'\\0'), True)
    socket.send_fds(near, [b'x'], [opened])
    os._exit(0)
_, descriptors, _, _ = socket.recv_fds(far, 1, 1)
os.wait()
print(os.readlink('/proc/self/fd/%d' % descriptors[0]), flush=True)
time.sleep(1000)
`

it('so does one that got the descriptor of the device from another, which has ended', async ({ skip }) => {
  if (isLinuxBefore({ kernel: openLinux() }, 6, 18)) skip('before Linux 6.18, nothing tells whose descriptor it is')
  const { pid, said, end } = await hold((_node, group) => ['/usr/bin/python3', '-c', pass, uuid, String(group)])
  expect(said).toBe('anon_inode:[vfio-device]\n')
  expect(refusal()).toContain(`(pid ${pid}) holds it open`)
  await end()
})
