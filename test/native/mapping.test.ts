import { constants } from 'node:buffer'
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import type { Mapping } from '../../src/kernel/kernel.ts'
import { openLinux } from '../../src/kernel/linux.ts'

const kernel = openLinux()
const open: Mapping[] = []

function memory(kind: 'anonymous' | 'memfd' = 'anonymous', size = 4096): Mapping {
  const mapping = kernel.allocateMemory({ size, kind })
  open.push(mapping)
  return mapping
}

afterEach(() => {
  for (const mapping of open.splice(0)) mapping.close()
})

const reads = ['read8', 'read16', 'read32', 'read64'] as const
const writes = ['write8', 'write16', 'write32', 'write64'] as const
const widths = [1, 2, 4, 8]

/** A call that TypeScript would not let through. */
function call(target: object, method: string, ...args: readonly unknown[]): unknown {
  return Reflect.apply(Reflect.get(target, method), target, args)
}

function memfdsMapped(): number {
  return readFileSync('/proc/self/maps', 'utf8').split('memfd:vfioctl').length - 1
}

async function collectGarbage(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.()
    await setImmediate()
  }
}

describe('accessors', () => {
  it('move exactly their width, little-endian', () => {
    const mapping = memory()
    mapping.write64(0, 0x8877_6655_4433_2211n)
    expect([mapping.read8(0), mapping.read16(2), mapping.read32(4)]).toEqual([0x11, 0x4433, 0x8877_6655])
    mapping.write8(0, 0xff)
    mapping.write16(2, 0xeeee)
    mapping.write32(4, 0xdddd_dddd)
    expect(mapping.read64(0)).toBe(0xdddd_dddd_eeee_22ffn)
  })

  it('reach the last byte and no further', () => {
    const mapping = memory()
    for (const [i, read] of reads.entries()) {
      const width = widths[i] ?? 0
      expect(() => mapping[read](4096 - width)).not.toThrow()
      expect(() => mapping[read](4096)).toThrow(RangeError)
      expect(() => mapping[read](4096 - width + 1)).toThrow(RangeError)
    }
  })

  it('refuse an offset that is no multiple of the width', () => {
    const mapping = memory()
    expect(() => mapping.read16(1)).toThrow(/multiple of 2/)
    expect(() => mapping.read32(2)).toThrow(/multiple of 4/)
    expect(() => mapping.read64(4)).toThrow(/multiple of 8/)
    expect(() => mapping.write32(2, 0)).toThrow(/multiple of 4/)
  })

  it.each([-1, -4096, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 32, 2 ** 53, 2 ** 64])('offset %s', (offset) => {
    const mapping = memory()
    for (const read of reads) expect(() => mapping[read](offset)).toThrow(RangeError)
    for (const write of writes) {
      expect(() => call(mapping, write, offset, write === 'write64' ? 0n : 0)).toThrow(RangeError)
    }
  })

  it.each([undefined, null, '0', 0n, {}, [0]])('offset of the wrong type: %s', (offset) => {
    const mapping = memory()
    for (const read of reads) expect(() => call(mapping, read, offset)).toThrow(TypeError)
  })

  it.each([
    ['write8', 0x100],
    ['write16', 0x1_0000],
    ['write32', 2 ** 32],
    ['write8', -1],
    ['write32', Number.NaN],
    ['write16', 1.5],
    ['write64', 2n ** 64n],
    ['write64', -1n],
  ])('%s refuses the value %s, and stores nothing', (write, value) => {
    const mapping = memory()
    expect(() => call(mapping, write, 0, value)).toThrow(RangeError)
    expect(mapping.read64(0)).toBe(0n)
  })

  it.each([
    ['write8', 1n],
    ['write32', '1'],
    ['write64', 1],
    ['write64', undefined],
  ])('%s refuses a value of the wrong type: %s', (write, value) => {
    const mapping = memory()
    expect(() => call(mapping, write, 0, value)).toThrow(TypeError)
  })
})

describe('bytes', () => {
  it('move from and to any place, and nothing beside them', () => {
    const mapping = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
    const bytes = Uint8Array.from({ length: 37 }, (_, at) => at + 1)
    for (const offset of [0, 1, 2, 3, 5, 4096 - 37]) {
      mapping.view().fill(0xee)
      mapping.writeFrom(offset, bytes)
      const expected = new Uint8Array(4096).fill(0xee)
      expected.set(bytes, offset)
      expect(mapping.view()).toEqual(expected)
      const back = new Uint8Array(41).fill(0xdd)
      mapping.readInto(offset, back.subarray(3, 40))
      expect([...back]).toEqual([0xdd, 0xdd, 0xdd, ...bytes, 0xdd])
    }
    mapping.readInto(4096, new Uint8Array())
    mapping.close()
  })

  it('end inside the mapping, and are bytes', () => {
    const mapping = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
    for (const call of ['readInto', 'writeFrom'] as const) {
      for (const [offset, length] of [
        [4096, 1],
        [4090, 7],
        [0, 4097],
        [-1, 1],
        [Number.MAX_SAFE_INTEGER, 1],
      ] as const) {
        expect(() => mapping[call](offset, new Uint8Array(length))).toThrow(RangeError)
      }
      for (const wrong of [undefined, [1], new Uint16Array(1), 'a']) {
        expect(() => Reflect.apply(mapping[call], mapping, [0, wrong])).toThrow(TypeError)
      }
    }
    mapping.close()
    expect(() => mapping.readInto(0, new Uint8Array(1))).toThrow(/closed/)
  })
})

describe('a foreign `this`', () => {
  it('is a TypeError in every method', () => {
    const mapping = memory()
    const event = kernel.eventfd()
    const watch = kernel.watch(event, () => {})
    const foreign = [{}, null, 3, Object.create(mapping), new Proxy(mapping, {}), watch, Object.getPrototypeOf(mapping)]
    for (const self of foreign) {
      for (const method of [...reads, ...writes, 'view', 'close']) {
        expect(() => Reflect.apply(Reflect.get(mapping, method), self, [0, 0])).toThrow(TypeError)
      }
      for (const method of ['ref', 'unref', 'close']) {
        if (self !== watch) expect(() => Reflect.apply(Reflect.get(watch, method), self, [])).toThrow(TypeError)
      }
    }
    watch.close()
    kernel.close(event)
  })

  it('is an error in the getter too, where V8 does not look whose it is', () => {
    const mapping = memory()
    const event = kernel.eventfd()
    const watch = kernel.watch(event, () => {})
    const { get } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(mapping), 'fd') ?? {}
    for (const self of [{}, 3, Object.create(mapping), watch]) {
      expect(() => Reflect.apply(get ?? (() => {}), self, [])).toThrow(/fd is of a mapping alone|Invalid argument/)
    }
    watch.close()
    kernel.close(event)
  })

  it('is a TypeError in the constructor, which is no function to call', () => {
    expect(() => Reflect.apply(memory().constructor, {}, [4096, 3, 'anonymous'])).toThrow(TypeError)
  })
})

describe('views', () => {
  it('see what the accessors store, and the other way round', () => {
    const mapping = memory()
    const view = mapping.view()
    view[5] = 0xa5
    expect(mapping.read8(5)).toBe(0xa5)
    mapping.write8(6, 0x5a)
    expect([view.length, view[6], mapping.view()[6]]).toEqual([4096, 0x5a, 0x5a])
  })

  it('are all empty after close, and so are those made from them', () => {
    const mapping = memory()
    const views = [mapping.view(), mapping.view(), mapping.view().subarray(16), Buffer.from(mapping.view().buffer)]
    const data = new DataView(mapping.view().buffer)
    mapping.close()
    expect(views.map((view) => view.length)).toEqual([0, 0, 0, 0])
    expect(() => data.getUint8(0)).toThrow(TypeError)
    expect(mapping.view().length).toBe(0)
  })

  it('keep the memory when the mapping was forgotten', async () => {
    const before = memfdsMapped()
    const held: { view: Uint8Array | null } = { view: kernel.allocateMemory({ size: 4096, kind: 'memfd' }).view() }
    await collectGarbage()
    held.view?.fill(3)
    expect([held.view?.[4095], memfdsMapped()]).toEqual([3, before + 1])
    held.view = null
    await collectGarbage()
    expect(memfdsMapped()).toBe(before)
  })

  it('cannot take the memory elsewhere', () => {
    const mapping = memory()
    const view = mapping.view()
    view[0] = 9
    // Node 20 copies, later ones refuse; where V8 has transfer(), the memory stays mapped for the new buffer.
    try {
      Reflect.apply(structuredClone, undefined, [view, { transfer: [view.buffer] }])
    } catch (error) {
      expect(error).toMatchObject({ name: 'DataCloneError' })
    }
    const transfer = Reflect.get(ArrayBuffer.prototype, 'transfer')
    const taken = transfer === undefined ? null : new Uint8Array(Reflect.apply(transfer, view.buffer, []))
    expect(mapping.view()[0]).toBe(9)
    mapping.close()
    if (taken !== null) expect(taken[0]).toBe(9)
    expect(view.length).toBe(0)
  })
})

describe('closing', () => {
  it('is idempotent, and every use after it a TypeError that says so', () => {
    const mapping = memory('memfd')
    mapping.close()
    mapping.close()
    for (const read of reads) expect(() => mapping[read](0)).toThrow(/mapping is closed/)
    expect(() => mapping.write32(0, 1)).toThrow(TypeError)
    expect(mapping.fd).toBeNull()
    expect(mapping.length).toBe(4096)
  })

  it('unmaps at once, not at the next collection', () => {
    const before = memfdsMapped()
    const mapping = memory('memfd')
    mapping.view()
    expect(memfdsMapped()).toBe(before + 1)
    mapping.close()
    expect(memfdsMapped()).toBe(before)
  })

  it('happens by itself to a mapping that was forgotten, with or without views', async () => {
    const before = memfdsMapped()
    function forgetFifty(): void {
      for (let i = 0; i < 50; i++) {
        const mapping = kernel.allocateMemory({ size: 4096, kind: 'memfd' })
        if (i % 2 === 0) mapping.view()[0] = 1
      }
    }
    forgetFifty()
    expect(memfdsMapped()).toBe(before + 50)
    await collectGarbage()
    expect(memfdsMapped()).toBe(before)
  })

  it('is found done by the finalizers of its views', async () => {
    for (let i = 0; i < 50; i++) {
      const mapping = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
      mapping.view()
      mapping.close()
    }
    await collectGarbage()
    expect(memory().read8(0)).toBe(0)
  })
})

describe('memory for devices', () => {
  it('is zeroed, of the size asked for, and has a descriptor only as memfd', () => {
    const anonymous = memory('anonymous', 12288)
    expect([anonymous.length, anonymous.fd, anonymous.view().every((byte) => byte === 0)]).toEqual([12288, null, true])
    const file = memory('memfd', 8192)
    file.write32(4096, 0x6f696676)
    const copy = new Uint8Array(4)
    expect(kernel.pread(file.fd ?? -1, copy, 4096)).toBe(4)
    expect(Buffer.from(copy).toString()).toBe('vfio')
  })

  it.each([0, -4096, 1, 4095, 4097, 1.5, Number.NaN, 2 ** 53])('size %s is refused', (size) => {
    expect(() => kernel.allocateMemory({ size, kind: 'anonymous' })).toThrow(RangeError)
    expect(() => kernel.allocateMemory({ size, kind: 'memfd' })).toThrow(RangeError)
  })

  it('of 2^52 bytes is ENOMEM or the file system’s refusal, not a crash', () => {
    expect(() => kernel.allocateMemory({ size: 2 ** 52, kind: 'anonymous' })).toThrow(
      expect.objectContaining({ code: 'ENOMEM', syscall: 'mmap' }),
    )
    const fds = kernel.eventfd()
    kernel.close(fds)
    expect(() => kernel.allocateMemory({ size: 2 ** 52, kind: 'memfd' })).toThrow(
      expect.objectContaining({ errno: expect.any(Number) }),
    )
    const next = kernel.eventfd()
    kernel.close(next)
    expect(next).toBe(fds)
  })

  it('longer than a Node buffer may be has accessors but no view', () => {
    const mapping = memory('memfd', 2 ** 36)
    mapping.write8(2 ** 36 - 1, 7)
    expect(mapping.read8(2 ** 36 - 1)).toBe(7)
    if (constants.MAX_LENGTH < mapping.length) {
      for (let i = 0; i < 3; i++) expect(() => mapping.view()).toThrow(/Cannot create a Buffer larger than/)
    } else {
      expect(mapping.view().length).toBe(2 ** 36)
    }
  })

  it('in huge pages is a multiple of 2 MiB', () => {
    expect(() => kernel.allocateMemory({ size: 4096, kind: 'hugepages' })).toThrow(/multiple of 2097152/)
  })

  const free = Number(/HugePages_Free:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1] ?? 0)
  it.skipIf(free === 0)('in huge pages is mapped where the host has reserved some (vm.nr_hugepages)', () => {
    const mapping = kernel.allocateMemory({ size: 2 ** 21, kind: 'hugepages' })
    mapping.write64(2 ** 21 - 8, 1n)
    expect(mapping.read64(2 ** 21 - 8)).toBe(1n)
    mapping.close()
  })

  it.skipIf(free > 0)('in huge pages is ENOMEM where the host has reserved none', () => {
    expect(() => kernel.allocateMemory({ size: 2 ** 21, kind: 'hugepages' })).toThrow(
      expect.objectContaining({ code: 'ENOMEM', syscall: 'mmap' }),
    )
  })

  it.each([undefined, '', 'hugepage', null])('of kind %s is refused', (kind) => {
    expect(() => call(kernel, 'allocateMemory', { size: 4096, kind })).toThrow(TypeError)
  })
})

describe('mmap of a descriptor', () => {
  const path = join(tmpdir(), `vfioctl-mapping-${process.pid}`)
  writeFileSync(path, Buffer.alloc(8192, 0x11))

  function mapped(access: 'r' | 'w' | 'rw', options = { offset: 0, length: 8192 }): Mapping {
    const fd = openSync(path, 'r+')
    try {
      const mapping = kernel.mmap(fd, { ...options, access })
      open.push(mapping)
      return mapping
    } finally {
      closeSync(fd)
    }
  }

  it('is shared: others see what is stored', () => {
    mapped('rw', { offset: 4096, length: 4096 }).write32(0, 0x2222_2222)
    expect(readFileSync(path).readUInt32LE(4096)).toBe(0x2222_2222)
    expect(readFileSync(path).readUInt32LE(0)).toBe(0x1111_1111)
  })

  it('read-only refuses stores and views, write-only loads, instead of a SIGSEGV', () => {
    const readOnly = mapped('r')
    expect(readOnly.read8(0)).toBe(0x11)
    expect(() => readOnly.write8(0, 1)).toThrow(/read-only/)
    expect(() => readOnly.view()).toThrow(TypeError)
    const writeOnly = mapped('w')
    writeOnly.write8(0, 0x11)
    expect(() => writeOnly.read8(0)).toThrow(/write-only/)
    expect(() => writeOnly.view()).toThrow(TypeError)
  })

  it.each([
    [1, 4096],
    [0, 1],
    [0, 0],
    [-4096, 4096],
    [0, Number.NaN],
    [2 ** 53, 4096],
  ])('offset %s, length %s is refused', (offset, length) => {
    expect(() => mapped('rw', { offset, length })).toThrow(RangeError)
  })

  it('of a closed or unmappable descriptor is the kernel’s error', () => {
    const event = kernel.eventfd()
    expect(() => kernel.mmap(event, { offset: 0, length: 4096, access: 'r' })).toThrow(
      expect.objectContaining({ code: 'ENODEV', errno: -19, syscall: 'mmap' }),
    )
    kernel.close(event)
    expect(() => kernel.mmap(event, { offset: 0, length: 4096, access: 'r' })).toThrow(
      expect.objectContaining({ code: 'EBADF' }),
    )
  })

  it.each([undefined, '', 'x', 'wr', 3])('access %s is refused', (access) => {
    expect(() => call(kernel, 'mmap', 0, { offset: 0, length: 4096, access })).toThrow(/protection must be/)
  })
})
