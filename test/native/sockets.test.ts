import { closeSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openLinux } from '../../src/kernel/linux.ts'

const kernel = openLinux()
const { sockets } = kernel

function temporary(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-sockets-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** Both ends of a connection, and whom the one that listens sees. */
function connection() {
  const path = join(temporary(), 'socket')
  const listener = sockets.listen(path, process.getuid?.() ?? 0)
  expect(sockets.accept(listener)).toBe(null)
  const near = sockets.connect(path)
  const far = sockets.accept(listener)
  if (far === null) throw new Error('nobody has connected')
  onTestFinished(() => {
    for (const fd of [near, far.fd, listener]) kernel.close(fd)
  })
  return { path, near, far }
}

function opened(path: string): number {
  const fd = openSync(path, 'r')
  onTestFinished(() => closeSync(fd))
  return fd
}

test('only its owner may connect, and the kernel says who has', () => {
  const { path, far } = connection()
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(far).toMatchObject({ pid: process.pid, uid: process.getuid?.() })
  expect(() => sockets.listen(path, 0)).toThrow(expect.objectContaining({ code: 'EADDRINUSE', path }))
})

test('a message arrives whole, with other numbers of the same files, closed on exec', () => {
  const { near, far } = connection()
  expect(sockets.receive(near, new Uint8Array(16))).toBe(null)
  const [one, two] = [opened('/dev/null'), opened('/dev/zero')]
  sockets.send(far.fd, Buffer.from('first'), [one, two])
  sockets.send(far.fd, Buffer.from('second'), [])
  const into = new Uint8Array(16)
  const first = sockets.receive(near, into)
  expect([first?.length, Buffer.from(into.subarray(0, 5)).toString()]).toEqual([5, 'first'])
  const got = first?.descriptors ?? []
  onTestFinished(() => got.forEach((fd) => void kernel.close(fd)))
  expect(got.map((fd) => readlinkSync(`/proc/self/fd/${fd}`))).toEqual(['/dev/null', '/dev/zero'])
  expect(got.some((fd) => [one, two].includes(fd))).toBe(false)
  const flags = got.map((fd) =>
    Number.parseInt(/flags:\t(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '', 8),
  )
  expect(flags.map((it) => it & 0o2000000)).toEqual([0o2000000, 0o2000000])
  expect(sockets.receive(near, into)).toEqual({ length: 6, descriptors: [] })
})

test('one that does not fit is lost, and so are its descriptors', () => {
  const { near, far } = connection()
  const fd = opened('/dev/null')
  const before = kernel.files.list('/proc/self/fd').length
  sockets.send(far.fd, Buffer.from('too long'), [fd])
  expect(() => sockets.receive(near, new Uint8Array(4))).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }))
  expect(kernel.files.list('/proc/self/fd')).toHaveLength(before)
  sockets.send(far.fd, Buffer.from('more'), [])
  expect(sockets.receive(near, new Uint8Array(4))).toEqual({ length: 4, descriptors: [] })
})

test('253 descriptors are one message, and 254 are none', () => {
  const { near, far } = connection()
  const fd = opened('/dev/null')
  sockets.send(far.fd, Buffer.from('x'), Array(253).fill(fd))
  const { descriptors = [] } = sockets.receive(near, new Uint8Array(4)) ?? {}
  expect(descriptors).toHaveLength(253)
  for (const it of descriptors) kernel.close(it)
  expect(() => sockets.send(far.fd, Buffer.from('x'), Array(254).fill(fd))).toThrow(RangeError)
})

test('the end of a connection is a message of no bytes, and nothing can be sent', () => {
  const path = join(temporary(), 'socket')
  const listener = sockets.listen(path, process.getuid?.() ?? 0)
  const near = sockets.connect(path)
  kernel.close(sockets.accept(listener)?.fd ?? -1)
  expect(sockets.receive(near, new Uint8Array(4))).toEqual({ length: 0, descriptors: [] })
  expect(() => sockets.send(near, Buffer.from('x'), [])).toThrow(expect.objectContaining({ code: 'EPIPE' }))
  for (const fd of [near, listener]) kernel.close(fd)
  expect(() => sockets.connect(path)).toThrow(expect.objectContaining({ code: 'ECONNREFUSED', path }))
})

test.each([
  ['', RangeError],
  ['\0abstract', RangeError],
  [`/tmp/${'x'.repeat(108)}`, expect.objectContaining({ code: 'ENAMETOOLONG' })],
  ['/no/such/folder/socket', expect.objectContaining({ code: 'ENOENT' })],
])('a path of %j is refused', (path, expected) => {
  expect(() => sockets.listen(path, 0)).toThrow(expected)
  expect(() => sockets.connect(path)).toThrow(expected)
})

test('no socket of another root is made or found', () => {
  const other = openLinux({ root: temporary() }).sockets
  expect(() => other.listen('/socket', 0)).toThrow(expect.objectContaining({ code: 'EPERM' }))
  expect(() => other.connect('/socket')).toThrow(expect.objectContaining({ code: 'EPERM' }))
})
