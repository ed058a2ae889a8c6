import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'

const kernel = openLinux()
const addon = loadAddon()
const folder = mkdtempSync(join(tmpdir(), 'vfioctl-syscalls-'))
const path = join(folder, 'file')
afterAll(() => rmSync(folder, { recursive: true }))

function withFile(use: (fd: number) => void): void {
  writeFileSync(path, '0123456789')
  const fd = kernel.open(path, 'rw')
  use(fd)
  kernel.close(fd)
}

const transfers = ['read', 'write', 'pread', 'pwrite'] as const

function transfer(name: (typeof transfers)[number], ...args: readonly unknown[]): unknown {
  return Reflect.apply(addon[name], undefined, args)
}

describe('a pipe', () => {
  it('can be opened by name, as no socket can, and is not there for programs that are not given it', () => {
    const ends = new Int32Array(2)
    addon.pipe(ends)
    const [read = -1, write = -1] = ends
    const again = kernel.open(`/proc/self/fd/${write}`, 'w')
    expect(kernel.write(again, Buffer.from('by name'))).toBe(7)
    const bytes = new Uint8Array(7)
    expect([kernel.read(read, bytes), Buffer.from(bytes).toString()]).toEqual([7, 'by name'])
    const flags = [read, write].map((fd) => readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8').match(/flags:\t(\d+)/)?.[1])
    // O_CLOEXEC
    expect(flags.map((octal) => Number.parseInt(octal ?? '0', 8) & 0o2000000)).toEqual([0o2000000, 0o2000000])
    for (const fd of [again, read, write]) kernel.close(fd)
  })

  it('takes an Int32Array of two', () => {
    for (const ends of [new Int32Array(3), new Uint8Array(8), undefined]) {
      expect(() => Reflect.apply(addon.pipe, undefined, [ends])).toThrow(TypeError)
    }
  })
})

describe('transfers', () => {
  it('move bytes at the file’s position, or at an offset without moving it', () => {
    withFile((fd) => {
      const bytes = new Uint8Array(4)
      expect([kernel.read(fd, bytes), Buffer.from(bytes).toString()]).toEqual([4, '0123'])
      expect([kernel.pread(fd, bytes, 6), Buffer.from(bytes).toString()]).toEqual([4, '6789'])
      expect([kernel.read(fd, bytes), Buffer.from(bytes).toString()]).toEqual([4, '4567'])
      expect(kernel.pwrite(fd, Buffer.from('AB'), 2)).toBe(2)
      expect(kernel.write(fd, Buffer.from('Z'))).toBe(1)
      expect(readFileSync(path, 'utf8')).toBe('01AB4567Z9')
    })
  })

  it('may be short, and touch only the bytes of the slice', () => {
    withFile((fd) => {
      const whole = new Uint8Array(8).fill(0xff)
      expect(kernel.pread(fd, whole.subarray(2, 6), 8)).toBe(2)
      expect([...whole]).toEqual([0xff, 0xff, 0x38, 0x39, 0xff, 0xff, 0xff, 0xff])
      expect(kernel.pread(fd, whole, 100)).toBe(0)
      expect(kernel.pread(fd, new Uint8Array(0), 0)).toBe(0)
    })
  })

  it('move nothing into a detached buffer', () => {
    withFile((fd) => {
      const bytes = new Uint8Array(4)
      Reflect.apply(structuredClone, undefined, [bytes, { transfer: [bytes.buffer] }])
      expect(kernel.pread(fd, bytes, 0)).toBe(0)
    })
  })

  it('reach offsets beyond 2^32, where VFIO’s regions begin', () => {
    withFile((fd) => {
      expect(kernel.pread(fd, new Uint8Array(1), 7 * 2 ** 40)).toBe(0)
      expect(() => kernel.pwrite(fd, new Uint8Array(1), 2 ** 53 - 1)).toThrow(
        expect.objectContaining({ code: 'EFBIG', errno: -27, syscall: 'pwrite' }),
      )
    })
  })

  it.each(transfers)('%s refuses what is no descriptor, no bytes or no offset', (name) => {
    const bytes = new Uint8Array(1)
    for (const fd of [-1, 0.5, Number.NaN, 2 ** 31, 2 ** 32])
      expect(() => transfer(name, fd, bytes, 0)).toThrow(RangeError)
    for (const fd of [undefined, null, '0', 0n, {}]) expect(() => transfer(name, fd, bytes, 0)).toThrow(TypeError)
    for (const bad of [undefined, null, 'text', 4096, {}, new ArrayBuffer(8), new DataView(new ArrayBuffer(8))]) {
      expect(() => transfer(name, 0, bad, 0)).toThrow(/bytes must be a Uint8Array/)
    }
    expect(() => transfer(name, 0, new Uint16Array(4), 0)).toThrow(TypeError)
    if (name.startsWith('p')) {
      for (const offset of [-1, 0.5, Number.NaN, 2 ** 53, Number.POSITIVE_INFINITY]) {
        expect(() => transfer(name, 0, bytes, offset)).toThrow(/offset must be an integer/)
      }
      for (const offset of [undefined, null, 0n, '0']) expect(() => transfer(name, 0, bytes, offset)).toThrow(TypeError)
    }
  })

  it.each(transfers)('%s on a closed descriptor is EBADF in Node’s own shape', (name) => {
    const fd = kernel.eventfd()
    kernel.close(fd)
    expect(() => transfer(name, fd, new Uint8Array(8), 0)).toThrow(
      expect.objectContaining({
        code: 'EBADF',
        errno: -9,
        syscall: name,
        message: `EBADF: bad file descriptor, ${name}`,
      }),
    )
  })
})

describe('words', () => {
  it('are numbers of 1, 2 or 4 bytes, little-endian, read and written at an offset', () => {
    withFile((fd) => {
      expect([kernel.readWord(fd, 0, 1), kernel.readWord(fd, 0, 2), kernel.readWord(fd, 0, 4)]).toEqual([
        0x30, 0x3130, 0x3332_3130,
      ])
      const written = [kernel.writeWord(fd, 0, 1, 0x61), kernel.writeWord(fd, 2, 2, 0x6463)]
      expect([...written, kernel.writeWord(fd, 4, 4, 0xffff_fffe)]).toEqual([1, 2, 4])
      expect(readFileSync(path).subarray(0, 8)).toEqual(Buffer.from([0x61, 0x31, 0x63, 0x64, 0xfe, 0xff, 0xff, 0xff]))
      expect(kernel.readWord(fd, 4, 4)).toBe(0xffff_fffe)
    })
  })

  it('say how many bytes there were, where there were fewer', () => {
    withFile((fd) => {
      expect([kernel.readWord(fd, 8, 4), kernel.readWord(fd, 100, 1)]).toEqual([~2, ~0])
    })
  })

  it('are found beyond 4 GiB', () => {
    withFile((fd) => {
      const far = 3 * 2 ** 32 + 0xffff_fff0
      expect(kernel.writeWord(fd, far, 4, 0x8765_4321)).toBe(4)
      expect([kernel.readWord(fd, far, 4), kernel.readWord(fd, far + 2, 1)]).toEqual([0x8765_4321, 0x65])
      expect(statSync(path).size).toBe(far + 4)
    })
  })

  it('refuse a width for which they have no room, and touch nothing', () => {
    withFile((fd) => {
      for (const width of [5, 8, -1]) {
        addon.word.set([0, 0, fd, width, 0x6161_6161])
        expect(() => addon.writeWord()).toThrow(RangeError)
        addon.word.set([0, 0, fd, width])
        expect(() => addon.readWord()).toThrow(RangeError)
      }
      expect(readFileSync(path, 'utf8')).toBe('0123456789')
    })
  })

  it('of a closed descriptor are EBADF in Node’s own shape', () => {
    const fd = kernel.eventfd()
    kernel.close(fd)
    const failure = (syscall: string) => expect.objectContaining({ code: 'EBADF', errno: -9, syscall })
    expect(() => kernel.readWord(fd, 0, 4)).toThrow(failure('pread'))
    expect(() => kernel.writeWord(fd, 0, 4, 0)).toThrow(failure('pwrite'))
  })
})

describe('close', () => {
  it('closes what node:fs opened and what the addon made, once', () => {
    const file = kernel.open(path, 'r')
    const event = kernel.eventfd()
    for (const fd of [file, event]) {
      kernel.close(fd)
      expect(() => kernel.close(fd)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'close' }))
    }
    expect(() => kernel.close(-1)).toThrow(RangeError)
  })
})

describe('descriptors', () => {
  it('are close-on-exec', () => {
    const memory = kernel.allocateMemory({ size: 4096, kind: 'memfd' })
    const fds = [kernel.open(path, 'r'), kernel.eventfd(), memory.fd]
    for (const fd of fds) {
      const flags = /^flags:\s+([0-7]+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1]
      expect(Number.parseInt(flags ?? '', 8) & 0o2000000).not.toBe(0)
    }
    for (const fd of fds.slice(0, 2)) kernel.close(fd ?? -1)
    memory.close()
  })
})

describe('tryLock', () => {
  it('is had by one opened file at a time, and given back by close', () => {
    const [first, second] = [kernel.open(folder, 'r'), kernel.open(folder, 'r')]
    expect([kernel.tryLock(first), kernel.tryLock(second), kernel.tryLock(first)]).toEqual([true, false, true])
    kernel.close(first)
    expect(kernel.tryLock(second)).toBe(true)
    kernel.close(second)
    expect(() => kernel.tryLock(second)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'flock' }))
  })
})
