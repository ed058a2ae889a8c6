// node use-addon.cjs ADDON: loads it and makes a few calls of each part; prints what they gave. For a Node of another
// processor under qemu-user, so nothing but the addon is loaded, and nothing is needed that qemu-user lacks.
const { closeSync, openSync } = require('node:fs')
const { endianness } = require('node:os')

const loaded = { exports: {} }
process.dlopen(loaded, process.argv[2])
const { Mapping, close, eventfd, ioctl, pageSize, pipe, read, readWord, waitForEventfd, word, write, writeWord } =
  loaded.exports

/** The name of what a call throws. */
function failure(call) {
  try {
    call()
    return 'nothing'
  } catch (error) {
    return `${error.code} ${error.syscall ?? error.name}`
  }
}

const ends = new Int32Array(2)
pipe(ends)
write(ends[1], Buffer.from('over the pipe'))
const piped = Buffer.alloc(32)
const length = read(ends[0], piped)

// 3 at the start, then 4 more: as the counter is in this processor's own byte order, a wrong order would not give 7
const event = eventfd(3)
const four = new BigUint64Array([4n])
write(event, new Uint8Array(four.buffer))
const counter = new Float64Array(1)
const signalled = waitForEventfd(Int32Array.of(event), 0, 1000, counter)

const memory = new Mapping(2 * pageSize, 3, 'memfd')
const bytes = memory.view()
bytes.set([0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88])
memory.write16(8, 0x0102)
memory.write32(12, 0x01020304)
memory.write64(16, 0x0102030405060708n)

/** pread(2) of a word of that width at an offset, as linux.ts asks for it. */
function wordAt(offset, width) {
  word.set([offset, offset / 2 ** 32, memory.fd, width])
  readWord()
  return [word[4] >>> 0, word[5]]
}
const words = [wordAt(0, 4), wordAt(4, 2), wordAt(5, 1), wordAt(2 ** 32, 4)]
word.set([32, 0, memory.fd, 2, 0xa1a2])
writeWord()

const zero = openSync('/dev/zero', 'r')
const result = {
  arch: process.arch,
  endianness: endianness(),
  pageSize,
  piped: piped.toString('utf8', 0, length),
  event: [signalled, counter[0]],
  reads: [memory.read16(0), memory.read32(0), String(memory.read64(0))],
  written: Buffer.from(bytes.subarray(8, 34)).toString('hex'),
  words,
  notVfio: failure(() => ioctl(zero, 0x3b64)),
  closed: failure(() => read(9999, piped)),
  wrongArgument: failure(() => read('x', piped)),
}
for (const fd of [...ends, event]) close(fd)
closeSync(zero)
process.stdout.write(`${JSON.stringify(result)}\n`)
