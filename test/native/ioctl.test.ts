import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadAddon } from '../../src/kernel/addon.ts'
import { openLinux } from '../../src/kernel/linux.ts'
import { ioctlFacts, minBytesOf, request } from '../../src/uapi/requests.ts'
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

/** Those that take no struct with its size in front: a number, or what a pointer points at. */
const unsized: readonly number[] = [
  request.VFIO_CHECK_EXTENSION,
  request.VFIO_SET_IOMMU,
  request.VFIO_GROUP_SET_CONTAINER,
  request.VFIO_GROUP_GET_DEVICE_FD,
  request.VFIO_DEVICE_GET_GFX_DMABUF,
]

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

  const sizedRequests = Object.entries(request).filter(([, number]) => !unsized.includes(number))
  it.each(sizedRequests)('%s lets the kernel write no further than the buffer goes', (_name, number) => {
    expect(() => ioctl(fd, number, sized(40))).toThrow(expect.objectContaining({ code: 'ENOTTY' }))
    expect(() => ioctl(fd, number, sized(40, 41))).toThrow(/has argsz 41 in 40 bytes/)
    expect(() => ioctl(fd, number, Uint8Array.of(1))).toThrow(expect.objectContaining({ code: 'ENOTTY' }))
    expect(() => ioctl(fd, number, Uint8Array.of(2))).toThrow(/has argsz 2 in 1 bytes/)
  })

  const pointing = Object.values(request).filter((number) => minBytesOf(number) > 0)
  it.each(pointing)('request %i takes what the kernel reads, and no byte less', async (number) => {
    const least = minBytesOf(number)
    expect(() => kernel.ioctl(fd, number, new Uint8Array(least))).toThrow(expect.objectContaining({ code: 'ENOTTY' }))
    expect(() => kernel.ioctl(fd, number, new Uint8Array(least - 1))).toThrow(RangeError)
    await expect(kernel.ioctlAsync(fd, number, new Uint8Array(least - 1))).rejects.toThrow(RangeError)
  })

  it('no other request does', () => {
    const others = [0, 0x3b63, 0x3b96, 0x5401, 0xffff_ffff]
    for (const number of others) expect(() => ioctl(fd, number, new Uint8Array(64))).toThrow(/none of VFIO's/)
  })

  it.each([-1, 1.5, Number.NaN, 2 ** 32, '0x3b64', 0x3b64n, null])('request %s is no request', (number) => {
    expect(() => ioctl(fd, number)).toThrow(/request must be/)
  })
})

/** The addon has these facts in its source too: it may take nothing else for a struct or a number. */
it.each(Object.entries(ioctlFacts))('the addon takes for %s what its row says', (name, { argument }) => {
  const number = Object.entries(request).find(([known]) => known === name)?.[1] ?? 0
  const tooLong = () => ioctl(fd, number, sized(40, 41))
  if (argument === 'struct') expect(tooLong).toThrow(/has argsz 41 in 40 bytes/)
  else if (argument === 'number') expect(tooLong).toThrow(/argument must be/)
  else if (argument === 'bytes') expect(tooLong).toThrow(expect.objectContaining({ code: 'ENOTTY' }))
  if (argument !== 'number') expect(() => ioctl(fd, number, 1)).toThrow(TypeError)
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
    ['a struct where an integer is taken', 0x3b65, sized(16), /argument must be a number/],
    ['an integer where nothing is taken', 0x3b64, 0, /must be a Uint8Array/],
    ['an integer where a struct is taken', 0x3b6b, 0x7fff_0000, /must be a Uint8Array/],
    ['a string where a struct is taken', 0x3b6a, '0000:00:05.0', /must be a Uint8Array/],
    ['words where bytes are taken', 0x3b6b, new Uint32Array(16), /must be a Uint8Array/],
    ['a plain buffer', 0x3b6b, new ArrayBuffer(64), /must be a Uint8Array/],
    ['a value of more than an int', 0x3b65, 2 ** 31, /argument must be an integer/],
    ['a negative value', 0x3b65, -1, /argument must be an integer/],
    ['a struct above 1 MiB', 0x3b6e, sized(2 ** 20 + 1), /at most 1 MiB/],
  ])('%s', (_what, number, argument, message) => {
    expect(() => ioctl(fd, number, argument)).toThrow(message)
  })

  it('a struct whose buffer was detached has no bytes for the kernel to see', () => {
    const bytes = sized(64)
    Reflect.apply(structuredClone, undefined, [bytes, { transfer: [bytes.buffer] }])
    expect(() => ioctl(fd, 0x3b6b, bytes)).toThrow(expect.objectContaining({ code: 'ENOTTY' }))
  })

  it.each([-1, 0.5, 65, '0', null])('a made descriptor at %s of a struct of 64 bytes', (made) => {
    expect(() => ioctl(fd, 0x3b75, sized(64), made)).toThrow(/made must be/)
  })
})

describe('pointer fields that are refused before the call', () => {
  const target = new Uint8Array(8)

  it.each([
    ['over the size field', [0, target, 0], /outside the struct/],
    ['past the end', [57, target, 0], /outside the struct/],
    ['at a negative offset', [-8, target, 0], /pointer offset must be/],
    ['at no offset', [undefined, target, 0], /pointer offset must be a number/],
    ['to nothing', [8, undefined, 0], /target must be a Uint8Array or an open mapping/],
    ['to a number', [8, 4096, 0], /target must be/],
    ['to an object that looks like a mapping', [8, { length: 8, view: () => target }, 0], /target must be/],
    ['from before its target', [8, target, -1], /pointer at must be/],
    ['from behind its target', [8, target, 9], /at 9 outside the target/],
    ['from nowhere in its target', [8, target, undefined], /pointer at must be a number/],
  ])('%s', (_what, pointer, message) => {
    expect(() => ioctl(fd, 0x3b70, sized(64), undefined, ...pointer)).toThrow(message)
  })

  it('to a closed mapping', () => {
    const memory = kernel.allocateMemory({ size: 4096, kind: 'anonymous' })
    memory.close()
    expect(() => ioctl(fd, 0x3b70, sized(64), undefined, 8, memory, 0)).toThrow(/an open mapping/)
  })

  it('to a watch, which is the addon’s too but no memory', () => {
    const event = kernel.eventfd()
    const watch = kernel.watch(event, () => {})
    expect(() => ioctl(fd, 0x3b70, sized(64), undefined, 8, watch, 0)).toThrow(/target must be/)
    watch.close()
    kernel.close(event)
  })

  it('beside no struct', () => {
    expect(() => ioctl(fd, 0x3b65, 1, undefined, 8, target, 0)).toThrow(/outside the struct/)
    expect(() => ioctl(fd, 0x3b64, undefined, undefined, 8, target, 0)).toThrow(/outside the struct/)
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

  it('a descriptor that it makes, as its result or in its struct, is the addon’s: closed on exec, as VFIO’s dma-bufs are not', () => {
    expect(answers['madeCloseOnExec']).toEqual([true, true, false])
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

  it('a struct in shared memory works', () => {
    expect(answers['shared']).toBe(true)
  })
})
