// The ways that a Node user has instead: node:fs, and libc through ffi-rs.
import fs from 'node:fs'
import { createRequire } from 'node:module'

const library = 'libc'

/** libc's calls by ffi-rs; null where it is not installed, as it is optional. */
function openFfi() {
  const ffi = load()
  if (ffi === null) return null
  const { I32, I64, U8Array } = ffi.DataType
  ffi.open({ library, path: 'libc.so.6' })
  const call = (funcName, paramsType, paramsValue) =>
    ffi.load({ library, funcName, retType: I64, paramsType, paramsValue })
  return {
    pread: (fd, bytes, offset) => call('pread', [I32, U8Array, I64, I64], [fd, bytes, bytes.length, offset]),
    pwrite: (fd, bytes, offset) => call('pwrite', [I32, U8Array, I64, I64], [fd, bytes, bytes.length, offset]),
    read: (fd, bytes) => call('read', [I32, U8Array, I64], [fd, bytes, bytes.length]),
    write: (fd, bytes) => call('write', [I32, U8Array, I64], [fd, bytes, bytes.length]),
    poll: (pollfds, count, timeoutMs) => call('poll', [U8Array, I64, I32], [pollfds, count, timeoutMs]),
  }
}

function load() {
  try {
    return createRequire(import.meta.url)('ffi-rs')
  } catch {
    return null
  }
}

/** Contenders for a transfer of `size` bytes at an offset of a descriptor. */
export function transfers(way, fd, offset, size) {
  const bytes = Buffer.alloc(size)
  const sync = way === 'read' ? fs.readSync : fs.writeSync
  const ffi = openFfi()
  const call = way === 'read' ? ffi?.pread : ffi?.pwrite
  return {
    [`fs.${way}Sync`]: (count) => {
      for (let i = 0; i < count; i++) sync(fd, bytes, 0, size, offset)
    },
    ...(call === undefined
      ? {}
      : {
          'ffi-rs': (count) => {
            for (let i = 0; i < count; i++) call(fd, bytes, offset)
          },
        }),
  }
}

/** Contenders for an event that is there when it is waited for: node:fs cannot poll, and just reads. */
export function eventWaits(eventfd) {
  const one = Buffer.from([1, 0, 0, 0, 0, 0, 0, 0])
  const bytes = Buffer.alloc(8)
  const pollfd = Buffer.alloc(8)
  pollfd.writeInt32LE(eventfd, 0)
  const ffi = openFfi()
  return {
    'fs.readSync': (count) => {
      for (let i = 0; i < count; i++) {
        fs.writeSync(eventfd, one)
        fs.readSync(eventfd, bytes)
      }
    },
    ...(ffi === null
      ? {}
      : {
          'ffi-rs': (count) => {
            pollfd.writeInt16LE(1, 4)
            for (let i = 0; i < count; i++) {
              ffi.write(eventfd, one)
              ffi.poll(pollfd, 1, 1000)
              ffi.read(eventfd, bytes)
            }
          },
        }),
  }
}
