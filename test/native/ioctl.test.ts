import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { request } from '../../src/uapi/requests.ts'
import { compileLibrary, runProgram } from './programs.ts'

const kernel = openLinux()
const addon = loadAddon()
const fd = kernel.open('/dev/null', 'r')
afterAll(() => kernel.close(fd))

function sized(length: number, argsz = length): Uint8Array {
  const bytes = new Uint8Array(length)
  new DataView(bytes.buffer).setUint32(0, argsz, true)
  return bytes
}

function ioctl(...args: readonly unknown[]): unknown {
  return Reflect.apply(addon.ioctl, undefined, args)
}

/** The smallest struct of each request, in bytes: linux/vfio.h to 7.3, linux/iommufd.h. */
const smallest: Readonly<Record<number, number>> = {
  15207: 8,
  15211: 16,
  15212: 32,
  15213: 16,
  15214: 20,
  15216: 12,
  15217: 12,
  15218: 24,
  15220: 28,
  15221: 8,
  15222: 16,
  15223: 12,
  15224: 8,
  15225: 12,
  15232: 8,
  15233: 12,
  15234: 24,
  15235: 40,
  15236: 32,
  15237: 40,
  15238: 24,
  15239: 24,
  15240: 12,
  15241: 24,
  15242: 32,
  15243: 16,
  15244: 48,
  15245: 32,
  15246: 16,
  15247: 40,
  15248: 24,
  15249: 24,
  15250: 8,
  15251: 32,
  15252: 40,
  15253: 40,
}

describe('the requests that pass', () => {
  it.each(Object.entries(request))('%s reaches the kernel', (_name, number) => {
    const attempts = [undefined, 1, new Uint8Array(64)].map((argument) => {
      try {
        return ioctl(fd, number, argument)
      } catch (error) {
        return error
      }
    })
    expect(attempts).toContainEqual(expect.objectContaining({ code: 'ENOTTY', errno: -25, syscall: 'ioctl' }))
  })

  it.each(Object.entries(smallest))('request %s takes its own size and no byte less', (number, length) => {
    expect(() => ioctl(fd, Number(number), sized(length))).toThrow(expect.objectContaining({ code: 'ENOTTY' }))
    expect(() => ioctl(fd, Number(number), sized(length - 1, 4))).toThrow(RangeError)
    expect(() => ioctl(fd, Number(number), sized(length, length + 1))).toThrow(/has argsz \d+ in a buffer of \d+ bytes/)
  })

  it('no other request does', () => {
    const others = [0, 0x3b63, 0x3b7a, 0x3b7f, 0x3b96, 0x5401, 0xffff_ffff]
    for (const number of others) expect(() => ioctl(fd, number, new Uint8Array(64))).toThrow(/none of VFIO's/)
  })

  it.each([-1, 1.5, Number.NaN, 2 ** 32, '0x3b64', 0x3b64n, null])('request %s is no request', (number) => {
    expect(() => ioctl(fd, number)).toThrow(/request must be/)
  })
})

describe('arguments that are refused before the call', () => {
  it.each([-1, 2 ** 31, 2 ** 32, 0.5, Number.NaN, Number.POSITIVE_INFINITY])('descriptor %s', (bad) => {
    expect(() => ioctl(bad, 0x3b64)).toThrow(RangeError)
  })

  it.each([undefined, null, '3', {}, 3n])('descriptor of the wrong type: %s', (bad) => {
    expect(() => ioctl(bad, 0x3b64)).toThrow(TypeError)
  })

  it('a closed descriptor is the kernel’s to refuse', () => {
    const closed = kernel.eventfd()
    kernel.close(closed)
    expect(() => ioctl(closed, 0x3b64)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'ioctl' }))
  })

  it.each([
    ['a struct where an integer is taken', 0x3b65, sized(16), /takes an integer/],
    ['an integer where nothing is taken', 0x3b64, 0, /takes no argument/],
    ['nothing where a struct is taken', 0x3b6b, undefined, /takes a Uint8Array/],
    ['an integer where a struct is taken', 0x3b6b, 0x7fff_0000, /takes a Uint8Array/],
    ['a string where a struct is taken', 0x3b6a, '0000:00:05.0', /takes a Uint8Array/],
    ['words where bytes are taken', 0x3b6b, new Uint32Array(16), /takes a Uint8Array/],
    ['a plain buffer', 0x3b6b, new ArrayBuffer(64), /takes a Uint8Array/],
    ['a value of more than an int', 0x3b65, 2 ** 31, /argument must be an integer/],
    ['a negative value', 0x3b65, -1, /argument must be an integer/],
    ['a name without its NUL', 0x3b6a, Buffer.from('0000:00:05.0'), /ends in a NUL byte/],
    ['an empty name', 0x3b6a, new Uint8Array(0), /takes 1 bytes to 1 MiB/],
    ['three bytes of an int', 0x3b68, new Uint8Array(3), /takes 4 bytes/],
    ['a struct above 1 MiB', 0x3b6e, sized(2 ** 20 + 1), /to 1 MiB/],
  ])('%s', (_what, number, argument, message) => {
    expect(() => ioctl(fd, number, argument)).toThrow(message)
  })

  it('a struct whose buffer was detached', () => {
    const bytes = sized(64)
    Reflect.apply(structuredClone, undefined, [bytes, { transfer: [bytes.buffer] }])
    expect(() => ioctl(fd, 0x3b6b, bytes)).toThrow(/not 0/)
  })
})

describe('pointer fields that are refused before the call', () => {
  const target = new Uint8Array(8)

  it.each([
    ['over the size field', { offset: 0, target }, /outside the struct/],
    ['past the end', { offset: 57, target }, /outside the struct/],
    ['at a negative offset', { offset: -8, target }, /pointer offset must be/],
    ['at no offset', { target }, /pointer offset must be a number/],
    ['to nothing', { offset: 8 }, /target must be a Uint8Array or a mapping/],
    ['to a number', { offset: 8, target: 4096 }, /target must be/],
    [
      'to an object that looks like a mapping',
      { offset: 8, target: { length: 8, view: () => target } },
      /target must be/,
    ],
    ['that is no object', 8, /must be an object/],
    ['from before its target', { offset: 8, target, at: -1 }, /pointer at must be/],
    ['from behind its target', { offset: 8, target, at: 9 }, /outside the target of 8 bytes/],
  ])('%s', (_what, pointer, message) => {
    expect(() => ioctl(fd, 0x3b70, sized(64), [pointer])).toThrow(message)
  })

  it('to a closed mapping', () => {
    const memory = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
    memory.close()
    expect(() => ioctl(fd, 0x3b70, sized(64), [{ offset: 8, target: memory }])).toThrow(/closed mapping/)
  })

  it('to a watch, which is the addon’s too but no memory', () => {
    const event = kernel.eventfd()
    const watch = kernel.watch(event, () => {})
    expect(() => ioctl(fd, 0x3b70, sized(64), [{ offset: 8, target: watch }])).toThrow(/target must be/)
    watch.close()
    kernel.close(event)
  })

  it('that are no array, too many, or beside no struct', () => {
    expect(() => ioctl(fd, 0x3b70, sized(64), { offset: 8, target })).toThrow(/must be an array/)
    expect(() => ioctl(fd, 0x3b70, sized(64), new Array(9).fill({ offset: 8, target }))).toThrow(/at most 8/)
    expect(() => ioctl(fd, 0x3b65, 1, [{ offset: 8, target }])).toThrow(/has pointers but no struct/)
    expect(() => ioctl(fd, 0x3b68, sized(64), [{ offset: 8, target }])).toThrow(/has no pointer fields/)
  })

  it('whose getter throws', () => {
    const pointer = {
      get offset(): number {
        throw new Error('from the getter')
      },
    }
    expect(() => ioctl(fd, 0x3b70, sized(64), [pointer])).toThrow('from the getter')
  })
})

describe('what the kernel is given and what comes back', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfioctl-fake-kernel-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  let answers: Record<string, unknown> = {}

  beforeAll(() => {
    const library = join(folder, 'fake-kernel.so')
    compileLibrary('fake-kernel.c', library)
    const preload = [process.env['LD_PRELOAD'], library].filter(Boolean).join(' ')
    const { status, stdout, stderr } = runProgram('fake-kernel.mjs', [], { LD_PRELOAD: preload })
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    answers = JSON.parse(stdout)
  })

  it('an integer goes by value, an int* and a string by address, nothing as null', () => {
    expect(answers).toMatchObject({ nothing: 0, value: 41, intPointer: 1234, text: 1012 })
  })

  it('the dma-buf of a display is made close-on-exec, which VFIO does not', () => {
    expect(answers['dmabufCloseOnExec']).toBe(true)
  })

  it('a failed call’s answer comes back, and bytes after argsz stay', () => {
    expect(answers).toMatchObject({ failed: 'ENOSPC', countOnFailure: 99, pastArgsz: [7, 7, 7, 7, 7, 7, 7, 7] })
  })

  it('an address is put in for the call alone: JavaScript finds its own bytes again', () => {
    const field = new Array(8).fill(0x5a)
    expect(answers['heap']).toMatchObject({ flags: 0x01020304, field, bytes: new Array(16).fill(0xab) })
  })

  it('only the bytes of the target change', () => {
    const bytes = [...new Array(8).fill(0), ...new Array(8).fill(0xab), ...new Array(48).fill(0)]
    expect(answers['slice']).toMatchObject({ bytes })
  })

  it('an answer longer than the target is EFAULT, and V8’s heap is untouched', () => {
    expect(answers['tooLong']).toMatchObject({ result: 'EFAULT' })
  })

  it('mapped memory is lent as it is, by itself or through a view at an offset', () => {
    expect(answers['mapping']).toMatchObject({ result: 0, word: 0xabababab })
    expect(answers['view']).toMatchObject({ result: 0x20, word: 0xabababab })
    expect(answers['lentView']).toBe(1)
  })

  it('buffers detached by a getter are found detached', () => {
    expect(answers['detachedUnderway']).toBe('ERR_OUT_OF_RANGE')
  })

  it('a struct in shared memory works', () => {
    expect(answers['shared']).toBe(true)
  })
})
