// Runs with fake-kernel.c preloaded, and prints what each ioctl did.
import { openSync, readFileSync } from 'node:fs'
import { load, readWrite } from './load.mjs'

const addon = load(process.argv[2])
const fd = openSync('/dev/null', 'r')
const answers = {}

function attempt(call) {
  try {
    return call()
  } catch (error) {
    return error.code
  }
}

answers.nothing = addon.ioctl(fd, 0x3b64)
answers.value = addon.ioctl(fd, 0x3b65, 41)
answers.intPointer = addon.ioctl(fd, 0x3b68, new Uint8Array(new Int32Array([1234]).buffer))
answers.text = addon.ioctl(fd, 0x3b6a, Buffer.from('0000:00:05.0\0 and more'), 0)

function isCloseOnExec(made) {
  const flags = /^flags:\s+(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${made}`, 'utf8'))[1]
  return (Number.parseInt(flags, 8) & 0o2000000) !== 0
}

// The addon knows of descriptors that it is told of: in the result, or in the struct.
answers.madeCloseOnExec = [0, 8, undefined].map((made) => {
  const struct = Uint32Array.of(16, 0, 0, 0)
  const request = made === 0 ? 0x3b73 : 0x3b79
  const result = addon.ioctl(fd, request, new Uint8Array(struct.buffer), made)
  const descriptor = made === 0 ? result : struct[2]
  const closesOnExec = isCloseOnExec(descriptor)
  addon.close(descriptor)
  return closesOnExec
})

// A failure's answer comes back too; bytes past argsz are the caller's own.
const info = new Uint8Array(20).fill(7)
new Uint32Array(info.buffer).set([12, 0, 0])
answers.failed = attempt(() => addon.ioctl(fd, 0x3b70, info))
answers.countOnFailure = new Uint32Array(info.buffer)[2]
answers.pastArgsz = [...info.subarray(12)]

function feature(length, target) {
  const struct = new Uint8Array(24)
  new DataView(struct.buffer).setUint32(0, 24, true)
  new DataView(struct.buffer).setUint32(4, length, true)
  struct.fill(0x5a, 8, 16)
  const result = attempt(() => addon.ioctl(fd, 0x3b75, struct, undefined, 8, target, 0))
  return { result, flags: new DataView(struct.buffer).getUint32(4, true), field: [...struct.subarray(8, 16)] }
}

const heap = new Uint8Array(16)
answers.heap = { ...feature(16, heap), bytes: [...heap] }

// A slice of a larger buffer: only its own bytes change, and an answer beyond the guard page is refused.
const whole = new Uint8Array(64)
answers.slice = { ...feature(8, whole.subarray(8, 16)), bytes: [...whole] }
const short = new Uint8Array(16)
answers.tooLong = { ...feature(17, short), bytes: [...short] }

// Mapped memory is lent as it is: page-aligned, and a view's offset counts.
const memory = new addon.Mapping(4096, readWrite, 'anonymous')
answers.mapping = { ...feature(4, memory), word: memory.read32(0) }
answers.view = { ...feature(4, memory.view().subarray(0x20)), word: memory.read32(0x20) }
memory.view().set(Buffer.from('mapped'), 0x40)
const ranges = new Uint8Array(32)
ranges[0] = 32
answers.lentView = addon.ioctl(fd, 0x3b84, ranges, undefined, 16, memory.view().subarray(0x40), 0)
memory.close()

// Shared memory as the struct works too.
const shared = new Uint8Array(new SharedArrayBuffer(24))
shared[0] = 24
shared[4] = 4
answers.shared = attempt(() => addon.ioctl(fd, 0x3b75, shared, undefined, 8, new Uint8Array(8), 0) >= 0)

process.stdout.write(JSON.stringify(answers))
