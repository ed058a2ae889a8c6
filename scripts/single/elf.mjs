// An executable (ELF, 64 bits, little-endian, at a fixed address) with one more piece of memory in it, that Node finds its
// script in and that runs before main. postject does a part of it; what it writes (1.0.0-alpha.6, the last since 2023)
// has a table of program headers of 1.5 MiB, and misses names of sections.

const headerSize = 56
const [load, note, programHeaders] = [1, 4, 6]
const [readable, executable] = [4, 1]
const dynamicEnd = 0
const [preinitArray, preinitArraySize] = [32, 33]
/** Of the largest page that Linux has on arm64. */
const page = 0x10000
/** By which the code knows whether the file is whole: a path that is there on every host. */
const end = Buffer.from('/\0')
const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:'

/**
 * @param {Buffer} node Node's own executable
 * @param {Buffer} code what runs before main: a function, at any address that is a multiple of a page; after it comes
 *   its own address, then that of the end
 * @param {Buffer} blob of `node --experimental-sea-config`
 */
export function embed(node, code, blob) {
  const elf = Buffer.from(node)
  const headers = readHeaders(elf)
  const loads = headers.filter((it) => it.type === load)
  const offset = roundUp(elf.length, page)
  const address = roundUp(Math.max(...loads.map((it) => it.address + it.memory)), page)
  const notes = Buffer.concat([
    ...headers.filter((it) => it.type === note).map((it) => contentOf(elf, it)),
    seaNote(blob),
  ])
  if (code.length % 8 !== 0) throw new Error('what comes after the code is not at a multiple of 8')
  const pointerAt = code.length
  const notesAt = pointerAt + 16
  const endAt = notesAt + notes.length
  const added = Buffer.concat([code, Buffer.alloc(16), notes, end])
  added.writeBigUInt64LE(BigInt(address), pointerAt)
  added.writeBigUInt64LE(BigInt(address + endAt), pointerAt + 8)

  const piece = { type: load, flags: readable | executable, offset, address, size: added.length, align: page }
  const allNotes = { ...piece, type: note, flags: readable, offset: offset + notesAt, address: address + notesAt }
  const last = headers.findLastIndex((it) => it.type === load)
  const kept = headers.flatMap((it, index) => {
    // the headers' own entry is for programs at an address of the loader's choice: its place is needed
    if (it.type === programHeaders) return []
    if (it.type === note) return [headerOf({ ...allNotes, size: notes.length, align: 4 })]
    return index === last ? [it.bytes, headerOf(piece)] : [it.bytes]
  })
  writeHeaders(elf, kept)
  addDynamic(elf, headers, [
    [preinitArray, address + pointerAt],
    [preinitArraySize, 8],
  ])
  blowFuse(elf)
  return Buffer.concat([elf, Buffer.alloc(offset - elf.length), added])
}

function readHeaders(elf) {
  const isExpected = elf.readUInt32BE(0) === 0x7f454c46 && elf[4] === 2 && elf[5] === 1 && elf.readUInt16LE(16) === 2
  if (!isExpected) throw new Error('Node’s executable is not a 64-bit, little-endian ELF file at a fixed address')
  const start = Number(elf.readBigUInt64LE(32))
  return Array.from({ length: elf.readUInt16LE(56) }, (_, index) => {
    const bytes = Buffer.from(elf.subarray(start + index * headerSize, start + (index + 1) * headerSize))
    const number = (at) => Number(bytes.readBigUInt64LE(at))
    const [offset, address, size, memory] = [number(8), number(16), number(32), number(40)]
    return { type: bytes.readUInt32LE(0), offset, address, size, memory, bytes }
  })
}

function headerOf({ type, flags, offset, address, size, align }) {
  const bytes = Buffer.alloc(headerSize)
  bytes.writeUInt32LE(type, 0)
  bytes.writeUInt32LE(flags, 4)
  for (const [index, value] of [offset, address, address, size, size, align].entries()) {
    bytes.writeBigUInt64LE(BigInt(value), 8 + index * 8)
  }
  return bytes
}

/** In the place of the old ones, of which there are as many. @param {Buffer} elf @param {Buffer[]} headers */
function writeHeaders(elf, headers) {
  const count = elf.readUInt16LE(56)
  if (headers.length !== count) throw new Error(`${headers.length} program headers, and room for ${count}`)
  Buffer.concat(headers).copy(elf, Number(elf.readBigUInt64LE(32)))
}

/** A linker leaves a few entries free at the end of the table. @param {[number, number][]} entries tags and values */
function addDynamic(elf, headers, entries) {
  const table = headers.find((it) => it.type === 2)
  if (table === undefined) throw new Error('Node’s executable is linked statically')
  const slots = Array.from({ length: table.size / 16 }, (_, index) => table.offset + index * 16)
  const free = slots.findIndex((at) => elf.readBigUInt64LE(at) === BigInt(dynamicEnd))
  // the last one ends the table
  if (free < 0 || slots.length - free <= entries.length) throw new Error('Node’s dynamic section has no free entries')
  for (const [index, [tag, value]] of entries.entries()) {
    elf.writeBigUInt64LE(BigInt(tag), slots[free + index])
    elf.writeBigUInt64LE(BigInt(value), slots[free + index] + 8)
  }
}

function seaNote(blob) {
  const name = Buffer.from('NODE_SEA_BLOB\0')
  const head = Buffer.alloc(12)
  head.writeUInt32LE(name.length, 0)
  head.writeUInt32LE(blob.length, 4)
  return Buffer.concat([head, name, toFour(name), blob, toFour(blob)])
}

function toFour({ length }) {
  return Buffer.alloc(roundUp(length, 4) - length)
}

/** Node looks for a blob if this says so. */
function blowFuse(elf) {
  const at = elf.indexOf(`${fuse}0`)
  if (at < 0 || elf.includes(`${fuse}0`, at + 1)) throw new Error('Node’s executable has not the one fuse expected')
  elf.write('1', at + fuse.length)
}

function contentOf(elf, { offset, size }) {
  return elf.subarray(offset, offset + size)
}

function roundUp(value, unit) {
  return Math.ceil(value / unit) * unit
}
