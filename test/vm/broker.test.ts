// A program without any right on a node, with devices that root opens for it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
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
