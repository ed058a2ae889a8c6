import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { list } from '../../../../src/lifecycle/kinds/list.ts'
import { stop } from '../../../../src/lifecycle/kinds/mdev/stop.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { demo } from '../../../../src/mock/shipped/demo.ts'
import { Generations } from '../../../../src/mock/state/generations.ts'
import { mockStateDirectory, resetMock } from '../../../../src/mock/state/state-directory.ts'
import { available, codeOf, createMdev, groupPath, openMdev, otherUuid, port, removeMdev, uuid } from '../machine.ts'

const folder = mkdtempSync(join(tmpdir(), 'vfioctl-mock-'))
const bundle = join(folder, 'mock.mjs')
const source = join(import.meta.dirname, '../../../../src')
let stateDirectory: string
let kernel: ReturnType<typeof openMock>

beforeAll(async () => {
  const entry = join(folder, 'entry.ts')
  const modules = ['mock/kernel/mock-kernel.ts', 'uapi/requests.ts'].map((file) => join(source, file))
  writeFileSync(entry, modules.map((file) => `export * from ${JSON.stringify(file)}\n`).join(''))
  const built = await rolldown({ input: entry, platform: 'node' })
  await built.write({ file: bundle, format: 'esm' })
  await built.close()
})
afterAll(() => rmSync(folder, { recursive: true }))
beforeEach(() => {
  stateDirectory = mkdtempSync(join(folder, 'state-'))
  kernel = openMock()
})

/** Another kernel object of the same machine. */
function openMock(scenario = demo) {
  const opened = createMockKernel(scenario, { stateDirectory })
  onTestFinished(() => opened.dispose())
  return opened
}

function run(program: string, ...args: string[]): ChildProcess {
  const path = join(import.meta.dirname, 'programs', program)
  const child = spawn(process.execPath, [path, bundle, stateDirectory, ...args], {
    argv0: '/usr/bin/qemu-system-x86_64',
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

async function outputOf(child: ChildProcess): Promise<string> {
  let text = ''
  child.stdout?.on('data', (chunk) => (text += chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`ended with ${code}`)
  return text
}

/** A process that has the device open, and a lock. */
async function holdDevice(name: string, ...args: string[]): Promise<ChildProcess> {
  const child = run('hold-device.mjs', name, ...args)
  if (child.stdout === null) throw new Error('no stdout')
  await once(child.stdout, 'data')
  return child
}

/** The same in a Worker. */
async function holdInWorker(name: string): Promise<Worker> {
  const program = join(import.meta.dirname, 'programs/hold-device.mjs')
  const worker = new Worker(program, { argv: [bundle, stateDirectory, name], stdin: true, stdout: true })
  onTestFinished(async () => {
    await worker.terminate()
  })
  await once(worker.stdout, 'data')
  return worker
}

describe('processes that share a state directory', () => {
  test('four that race lose nothing: every device, one winner of the shared UUID, every count', async () => {
    kernel.files.create('/etc/counter', '0000')
    const outcomes = await Promise.all(
      [100, 200, 300, 400].map((first) => outputOf(run('create-devices.mjs', String(first), '5', uuid))),
    )
    expect(outcomes.sort()).toEqual(['EEXIST', 'EEXIST', 'EEXIST', 'created'])
    expect(kernel.files.read('/etc/counter')).toBe('0020')
    expect(kernel.files.list('/sys/bus/mdev/devices')).toHaveLength(21)
    expect(new Set(kernel.files.list('/dev/vfio')).size).toBe(22)
    expect(available(kernel, 'mtty', 'mtty-1')).toBe(3)
    expect(readdirSync(stateDirectory).filter((name) => !name.startsWith('state-'))).toEqual([])
    expect(readdirSync(stateDirectory).length).toBeLessThan(40)
  })

  test('a device that one holds is busy for the other, which sees who', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    const node = groupPath(kernel, uuid)
    const child = await holdDevice(uuid)
    expect(codeOf(() => kernel.open(node, 'rw'))).toBe('EBUSY')
    const fds = `/proc/${child.pid}/fd`
    expect(kernel.files.list(fds).map((fd) => kernel.files.readlink(`${fds}/${fd}`))).toContain(node)
    expect(kernel.files.read(`/proc/${child.pid}/comm`)).toBe('qemu-system-x86\n')
    expect(kernel.files.read(`/proc/${child.pid}/cmdline`)).toContain(`${uuid}\0`)
  })

  test('a virtual machine that has a device is known by its name', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    const child = await holdDevice(uuid, '-name', 'guest=web1,debug-threads=on')
    const [device] = list(kernel.files).devices
    expect(device?.users).toMatchObject([{ pid: child.pid, vm: { name: 'web1', uuid: null } }])
    await expect(stop(kernel, { uuid })).rejects.toMatchObject({
      code: 'DEVICE_BUSY',
      message: `cannot stop ${uuid}: qemu-system-x86 (pid ${child.pid}, VM web1) holds it open`,
      facts: {
        device: uuid,
        users: [{ pid: child.pid, command: 'qemu-system-x86', vm: { name: 'web1', uuid: null } }],
      },
    })
  })

  test('one that is killed lets go of its devices and locks', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    const child = await holdDevice(uuid)
    const lock = kernel.open('/etc/mdevctl.d', 'r')
    expect(kernel.tryLock(lock)).toBe(false)
    child.kill('SIGKILL')
    await once(child, 'close')
    expect(kernel.tryLock(lock)).toBe(true)
    expect(kernel.files.kind(`/proc/${child.pid}`)).toBeNull()
    expect(codeOf(() => openMdev(kernel, uuid))).toBeNull()
  })

  test('a Worker that is terminated lets go of its devices and locks, as another Worker goes on', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    await createMdev(kernel, 'mtty-1', otherUuid)
    const [worker, staying] = [await holdInWorker(uuid), await holdInWorker(otherUuid)]
    expect(codeOf(() => openMdev(kernel, uuid))).toBe('EBUSY')
    await worker.terminate()
    expect(codeOf(() => openMdev(kernel, uuid))).toBeNull()
    expect(codeOf(() => openMdev(kernel, otherUuid))).toBe('EBUSY')
    await staying.terminate()
    expect(kernel.tryLock(kernel.open('/etc/mdevctl.d', 'r'))).toBe(true)
    await removeMdev(kernel, otherUuid)
  })

  test('one that ends without closing has its device state kept', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    const child = await holdDevice(uuid)
    child.stdin?.end()
    await once(child, 'close')
    const uart = port(kernel, openMdev(kernel, uuid).device)
    expect([uart.read(5), uart.read(0), uart.read(0), uart.read(5)]).toEqual([0x01, 0x41, 0x42, 0x60])
  })

  test.each(['closes', 'is killed'])('remove waits until the other one %s', async (end) => {
    await createMdev(kernel, 'mtty-1', uuid)
    const child = await holdDevice(uuid)
    let isRemoved = false
    const removal = removeMdev(kernel, uuid).then(() => (isRemoved = true))
    await new Promise((resolve) => setTimeout(resolve, 60))
    expect(isRemoved).toBe(false)
    if (end === 'closes') child.stdin?.end()
    else child.kill('SIGKILL')
    await removal
    expect(kernel.files.list('/sys/bus/mdev/devices')).toEqual([])
  })
})

describe('kernel objects of one process that share a state directory', () => {
  test('are one machine: devices, groups and locks', async () => {
    const other = openMock()
    await createMdev(kernel, 'mtty-1', uuid)
    expect(other.files.list('/sys/bus/mdev/devices')).toEqual([uuid])
    openMdev(kernel, uuid)
    expect(codeOf(() => other.open(groupPath(other, uuid), 'rw'))).toBe('EBUSY')
    const [ours, theirs] = [kernel.open('/etc', 'r'), other.open('/etc', 'r')]
    expect([kernel.tryLock(ours), other.tryLock(theirs)]).toEqual([true, false])
    const fds = other.files.list('/proc/self/fd').map((fd) => other.files.readlink(`/proc/self/fd/${fd}`))
    expect(fds).toContain(groupPath(other, uuid))
    kernel.dispose()
    expect(other.tryLock(theirs)).toBe(true)
    expect(codeOf(() => openMdev(other, uuid))).toBeNull()
  })

  test('what waits is interrupted by dispose', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    openMdev(kernel, uuid)
    const other = openMock()
    const removal = removeMdev(other, uuid)
    other.dispose()
    await expect(removal).rejects.toMatchObject({ code: 'EINTR', syscall: 'write' })
  })
})

describe('the state files', () => {
  const damage = ['', '{', '[]', '{}', '{"format":"vfioctl mock state 1"}']

  test.each(damage)('%j is told apart, by path, and reset starts anew', async (text) => {
    await createMdev(kernel, 'mtty-1', uuid)
    const path = join(stateDirectory, 'state-99.json')
    writeFileSync(path, text)
    const error = failureOf(() => kernel.files.list('/sys'))
    expect(error).toBeInstanceOf(VfioError)
    expect(error).toMatchObject({ code: 'INVALID_DEFINITION', path, hint: 'vfioctl mock reset' })
    resetMock(stateDirectory)
    expect(kernel.files.list('/sys/bus/mdev/devices')).toEqual([])
    await createMdev(kernel, 'mtty-1', otherUuid)
    expect(openMock().files.list('/sys/bus/mdev/devices')).toEqual([otherUuid])
  })

  test('of another scenario are refused', async () => {
    await createMdev(kernel, 'mtty-1', uuid)
    const error = failureOf(() => openMock({ ...demo, name: 'lab' }).files.list('/'))
    expect(error).toMatchObject({ code: 'INVALID_DEFINITION', facts: { found: 'demo', wanted: 'lab' } })
  })

  test('a half-written one counts for nothing, and goes', async () => {
    writeFileSync(join(stateDirectory, '.new-999999999-abc'), '{"half')
    await createMdev(kernel, 'mtty-1', uuid)
    expect(kernel.files.list('/sys/bus/mdev/devices')).toEqual([uuid])
    expect(readdirSync(stateDirectory)).toEqual(['state-1.json'])
  })

  test('a reset where nothing is does nothing', () => {
    const nothing = join(folder, 'nothing')
    resetMock(nothing)
    expect(codeOf(() => readdirSync(nothing))).toBe('ENOENT')
  })

  test('a writer that slept while its base was pruned is told so', () => {
    const generations = new Generations(stateDirectory)
    for (let base = 0; base < 40; base++) expect(generations.commit(base, 'text')).toBe('committed')
    expect(generations.commit(39, 'late')).toBe('taken')
    expect(generations.commit(3, 'very late')).toBe('overtaken')
    expect(generations.read()).toEqual({ number: 40, text: 'text' })
  })

  test('a directory that cannot be made is an error with its path', () => {
    const path = join(folder, 'file')
    writeFileSync(path, '')
    const error = failureOf(() =>
      createMockKernel('demo', { stateDirectory: join(path, 'below') }).files.makeDirectory('/x'),
    )
    expect(error).toMatchObject({ code: 'SYSTEM_CALL_FAILED', errno: 'ENOTDIR', path: join(path, 'below') })
  })

  test('stand in the user’s state folder, by name', () => {
    expect(mockStateDirectory('demo', { XDG_STATE_HOME: '/x', HOME: '/home/a' })).toBe('/x/vfioctl/mock/demo')
    expect(mockStateDirectory('demo', { HOME: '/home/a' })).toBe('/home/a/.local/state/vfioctl/mock/demo')
    expect(mockStateDirectory('demo', { XDG_STATE_HOME: 'relative', HOME: '/home/a' })).toMatch(/^\/home\/a/)
    expect(codeOf(() => mockStateDirectory('../x', {}))).toBe('INVALID_ARGUMENT')
  })

  test.skipIf(process.geteuid?.() !== 0)(
    'stand in root’s own home where root has the environment of another user',
    () => {
      const home = mkdtempSync(join(tmpdir(), 'vfioctl-home-'))
      onTestFinished(() => rmSync(home, { recursive: true }))
      chownSync(home, 1234, 1234)
      const own = join(userInfo().homedir, '.local/state/vfioctl/mock/demo')
      expect(mockStateDirectory('demo', { HOME: home })).toBe(own)
      expect(mockStateDirectory('demo', { XDG_STATE_HOME: join(home, '.state'), HOME: '/root' })).toBe(own)
    },
  )
})

function failureOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    return error
  }
}

test('a state that is a link to nothing is an error, not a wait for a newer one', () => {
  const directory = mkdtempSync(join(folder, 'dangling-'))
  symlinkSync(join(directory, 'nowhere'), join(directory, 'state-1.json'))
  expect(() => new Generations(directory).read()).toThrow(expect.objectContaining({ code: 'ENOENT' }))
})
