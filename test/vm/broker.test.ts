// A program without any right on a node, with devices that root opens for it.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { program, vfioctl } from '../cli/vfioctl.ts'
import { bindPci } from '../contract/pci.ts'

const child = join(import.meta.dirname, 'programs/read-edu.mjs')
const library = join(import.meta.dirname, '../../dist/index.js')

it.for<readonly [string, string, string]>([
  ['iommufd', 'iommufd', 'EACCES'],
  ['group', 'type1v2', 'EACCES'],
])('nobody reads a device by descriptors of %s, and has no other way to it', async ([nodes, mode, node], context) => {
  const { address } = await bindPci(context, 'edu')
  if (nodes === 'iommufd' && !existsSync('/dev/vfio/devices')) context.skip('this kernel has no device nodes')
  const options = ['--user', 'nobody', `--${nodes}`, '--memlock', '1M']
  const { status, stdout, stderr } = vfioctl([
    'run',
    address,
    ...options,
    '--',
    process.execPath,
    child,
    library,
    address,
  ])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual({
    uid: 65_534,
    mode,
    id: 0x0100_00ed,
    buffer: 4096,
    tooMuch: 'MEMLOCK_EXCEEDED',
    node,
  })
})

it('gives the devices of several groups to one command, best nodes unless told, and then they are free', async (context) => {
  const bound = await bindPci(context, 'edu')
  const other = await bindPci(context, 'edu-root-port', bound)
  const { address } = other
  const show =
    'echo "$VFIOCTL_IOMMUFD $VFIOCTL_DEVICES $VFIOCTL_CONTAINER $VFIOCTL_GROUPS"; ls -l /proc/self/fd; grep -E "^(Cap|NoNew)" /proc/self/status'
  const { status, stdout } = vfioctl(['run', bound.address, address, '--user', 'nobody', '--', 'sh', '-c', show])
  expect(status).toBe(0)
  const has = existsSync('/dev/vfio/devices')
  expect(stdout).toContain(
    has
      ? `3 ${bound.address}=4,${address}=5  \n`
      : `  3 ${[bound.group, other.group].map((group, at) => `${group}=${at + 4}`)}\n`,
  )
  expect(stdout.match(/-> \/dev\/(vfio|iommu)/g)).toHaveLength(3)
  expect(stdout.match(/Cap...:\t0{16}$/gm)).toHaveLength(5)
  expect(stdout).toContain('NoNewPrivs:\t1')
  expect(vfioctl(['reset', address])).toMatchObject({ status: 0 })
})

it('ends as the command does', async (context) => {
  const { address } = await bindPci(context, 'edu')
  const run = (script: string) => vfioctl(['run', address, '--user', 'nobody', '--', 'sh', '-c', script])
  expect([run('exit 7').status, run('kill -KILL $$').status]).toEqual([7, 137])
  expect(vfioctl(['run', address, '--user', 'nobody', '--', '/no/such/program'])).toMatchObject({ status: 127 })
})

it('hands a signal on to the command', async (context) => {
  const { address } = await bindPci(context, 'edu')
  const script = 'trap "echo told; exit 3" TERM; echo here; while :; do sleep 0.1; done'
  const words = [program, 'run', address, '--user', 'nobody', '--', 'sh', '-c', script]
  const vfioctl = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] })
  onTestFinished(() => void vfioctl.kill('SIGKILL'))
  const ended = once(vfioctl, 'close')
  let said = ''
  vfioctl.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text
    if (text.includes('here')) vfioctl.kill('SIGTERM')
  })
  expect(await ended).toEqual([3, null])
  expect(said).toBe('here\ntold\n')
})

/** `vfioctl run --socket` with these options, until the test ends; `heard` waits for what it says. */
async function serve(address: string, ...options: readonly string[]) {
  const folder = mkdtempSync('/run/vfioctl-socket-')
  onTestFinished(() => rmSync(folder, { recursive: true }))
  // others may go through it, to the socket
  chmodSync(folder, 0o755)
  const socket = join(folder, 'vfio.sock')
  const words = [program, 'run', address, '--user', 'nobody', '--socket', socket, ...options]
  const server = spawn(process.execPath, words, { stdio: ['ignore', 'inherit', 'pipe'] })
  onTestFinished(() => void server.kill('SIGKILL'))
  const ended = once(server, 'close')
  let said = ''
  server.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const heard = async (text: string) => {
    while (!said.includes(text)) await once(server.stderr, 'data')
  }
  await heard('hands the devices to nobody')
  const end = async () => {
    server.kill('SIGTERM')
    return ended
  }
  return { socket, heard, end }
}

/** A program that another user starts, with no rights but his own. */
function runAs(user: string, command: readonly string[]) {
  const options = [`--reuid=${user}`, '--regid=65534', '--clear-groups', '--inh-caps=-all', '--bounding-set=-all', '--']
  return spawnSync('prlimit', ['--memlock=1048576:1048576', 'setpriv', ...options, ...command], { encoding: 'utf8' })
}

it.for([
  ['iommufd', 'iommufd'],
  ['group', 'type1v2'],
] as const)(
  'a daemon of nobody gets descriptors of %s by a socket, again and again',
  async ([nodes, mode], context) => {
    const { address } = await bindPci(context, 'edu')
    if (nodes === 'iommufd' && !existsSync('/dev/vfio/devices')) context.skip('this kernel has no device nodes')
    const { socket, end } = await serve(address, `--${nodes}`)
    expect(statSync(socket)).toMatchObject({ uid: 65_534, mode: 0o140600 })
    for (let time = 0; time < 2; time++) {
      const { status, stdout, stderr } = runAs('65534', [process.execPath, child, library, address, socket])
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
      expect(JSON.parse(stdout)).toEqual({
        uid: 65_534,
        mode,
        id: 0x0100_00ed,
        buffer: 4096,
        tooMuch: 'MEMLOCK_EXCEEDED',
        node: 'EACCES',
      })
    }
    expect(await end()).toEqual([0, null])
    expect(existsSync(socket)).toBe(false)
  },
)

const pythonClient = `
import fcntl, json, os, socket, sys
connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
connection.connect(sys.argv[1])
text, descriptors, flags, peer = socket.recv_fds(connection, 65536, 253)
if not text: sys.exit('nothing')
message = json.loads(text)
container = descriptors[message['container']]
VFIO_GET_API_VERSION = 0x3b64
print(fcntl.ioctl(container, VFIO_GET_API_VERSION), [os.readlink(f'/proc/self/fd/{fd}') for fd in descriptors])
`

it('any program of that user gets them, and of no other user, root included', async (context) => {
  const { address, group } = await bindPci(context, 'edu')
  const { socket, heard } = await serve(address, '--group')
  const ask = (user: string) => runAs(user, ['/usr/bin/python3', '-c', pythonClient, socket])
  expect(ask('65534')).toMatchObject({ stdout: `0 ['/dev/vfio/vfio', '/dev/vfio/${group}']\n`, status: 0 })
  expect(ask('1')).toMatchObject({ status: 1, stderr: expect.stringContaining('Permission denied') })
  // whom no mode keeps out
  const asRoot = spawnSync('/usr/bin/python3', ['-c', pythonClient, socket], { encoding: 'utf8' })
  expect(asRoot).toMatchObject({ status: 1, stderr: 'nothing\n' })
  await heard('of user 0: user 0 is not nobody')
})
