import { describe, expect, test } from 'vitest'
import { VfioError } from '../../../../src/base/errors.ts'
import { systemError } from '../../../../src/base/system-error.ts'
import type { HostFiles, Kernel } from '../../../../src/kernel/kernel.ts'
import { createMockKernel } from '../../../../src/mock/kernel/mock-kernel.ts'
import { Dma } from '../../../../src/vfio/dma/dma.ts'
import { FakeAddressSpace } from './fake-address-space.ts'

const KiB = 1024
const MiB = 1024 * KiB
const page = 4 * KiB

function code(expected: string) {
  return expect.objectContaining({ name: 'VfioError', code: expected })
}

describe('a DMA buffer', () => {
  test('is zeroed memory in whole pages, mapped where no other is', async () => {
    const space = new FakeAddressSpace()
    const dma = new Dma(space)
    const one = await dma.allocate(100)
    const two = await dma.allocate(2 * page, { access: 'r' })
    expect(one).toMatchObject({ iova: 0xfedf_f000n, size: page, access: 'rw', offset: 0, closed: false })
    expect(two).toMatchObject({ iova: 0xfedf_d000n, size: 2 * page, access: 'r' })
    expect(space.calls).toEqual(['map rw 0xfedff000+0x1000 from 0x0', 'map r 0xfedfd000+0x2000 from 0x0'])
    expect(one.view()).toEqual(new Uint8Array(page))
    one.view().set([1, 2, 3])
    expect(one.memory.read32(0)).toBe(0x0003_0201)
  })

  test('is unmapped once, its memory freed, its address free again', async () => {
    const space = new FakeAddressSpace()
    const dma = new Dma(space)
    const buffer = await dma.allocate(page)
    const view = buffer.view()
    buffer.close()
    buffer.close()
    expect([buffer.closed, view.length, buffer.memory.length]).toEqual([true, 0, 0])
    expect(space.calls.slice(1)).toEqual(['unmap 0xfedff000+0x1000'])
    expect(() => buffer.view()).toThrow(code('CLOSED'))
    expect(() => buffer.iovaOf(0)).toThrow(code('CLOSED'))
    await using again = await dma.allocate(page)
    expect(again.iova).toBe(0xfedf_f000n)
  })

  test('of memory that is there already is a part of it, which is its owner’s to close', async () => {
    const space = new FakeAddressSpace()
    const memory = space.kernel.allocateMemory({ size: 4 * page, kind: 'anonymous' })
    const buffer = await new Dma(space).map(memory, { offset: page, size: 2 * page, iova: 0x10_0000n })
    expect(space.calls).toEqual(['map rw 0x100000+0x2000 from 0x1000'])
    memory.write8(page, 0x5a)
    expect([buffer.view().length, buffer.view()[0]]).toEqual([2 * page, 0x5a])
    buffer.close()
    expect(memory.length).toBe(4 * page)
  })

  test('is all of the memory, from the offset on, unless told', async () => {
    const space = new FakeAddressSpace()
    const memory = space.kernel.allocateMemory({ size: 4 * page, kind: 'anonymous' })
    const dma = new Dma(space)
    expect((await dma.map(memory)).size).toBe(4 * page)
    expect(await dma.map(memory, { offset: page })).toMatchObject({ offset: page, size: 3 * page })
  })

  test('is looked up both ways', async () => {
    const dma = new Dma(new FakeAddressSpace())
    const small = await dma.allocate(2 * page, { iova: 0x1f_e000n })
    const large = await dma.allocate(5 * MiB, { iova: 0x20_0000n })
    expect(small.iovaOf(2 * page - 1)).toBe(0x1f_ffffn)
    expect(() => small.iovaOf(2 * page)).toThrow(code('OUT_OF_RANGE'))
    expect(dma.find(0x1f_dfffn)).toBeNull()
    expect(dma.find(0x1f_e000n)).toEqual({ buffer: small, offset: 0 })
    expect(dma.find(0x1f_ffffn)).toEqual({ buffer: small, offset: 2 * page - 1 })
    expect(dma.find(0x20_0000n)).toEqual({ buffer: large, offset: 0 })
    expect(dma.find(0x6f_ffffn)).toEqual({ buffer: large, offset: 5 * MiB - 1 })
    expect(dma.find(0x70_0000n)).toBeNull()
    large.close()
    expect(dma.find(0x6f_ffffn)).toBeNull()
    expect(dma.buffers).toEqual([small])
  })

  test('of 2 MiB or more begins where huge pages do, if there is room for that', async () => {
    const space = new FakeAddressSpace()
    space.allowed = [{ first: 0x10_0000n, last: 0x6f_ffffn }]
    const dma = new Dma(space)
    expect((await dma.allocate(page)).iova).toBe(0x6f_f000n)
    expect((await dma.allocate(2 * MiB)).iova).toBe(0x40_0000n)
    expect((await dma.allocate(2 * MiB)).iova).toBe(0x20_0000n)
    expect((await dma.allocate(MiB)).iova).toBe(0x10_0000n)
    space.allowed = [{ first: 0x80_1000n, last: 0xa0_0fffn }]
    expect((await dma.allocate(2 * MiB)).iova).toBe(0x80_1000n)
  })

  test('lies within the bits of the device, or those asked for', async () => {
    const dma = new Dma(new FakeAddressSpace(), { addressBits: 28 })
    expect((await dma.allocate(page)).iova).toBe(0xfff_f000n)
    expect((await dma.allocate(page, { addressBits: 20 })).iova).toBe(0xf_f000n)
    await expect(dma.allocate(page, { iova: 0x1000_0000n })).rejects.toThrow(code('IOVA_RESERVED'))
  })

  test.for<[string, number]>([
    ['no', 0],
    ['a negative number of', -1],
    ['half', 0.5],
    ['NaN', Number.NaN],
  ])('cannot have %s bytes', async ([, size]) => {
    await expect(new Dma(new FakeAddressSpace()).allocate(size)).rejects.toThrow(code('INVALID_ARGUMENT'))
  })

  test('cannot be part of a page, nor reach past its memory', async () => {
    const space = new FakeAddressSpace()
    const memory = space.kernel.allocateMemory({ size: 2 * page, kind: 'anonymous' })
    const dma = new Dma(space)
    for (const part of [{ offset: 100 }, { size: 100 }, { offset: 2 * page }]) {
      await expect(dma.map(memory, part)).rejects.toThrow(code('INVALID_ARGUMENT'))
    }
    await expect(dma.map(memory, { offset: page, size: 2 * page })).rejects.toThrow(code('OUT_OF_RANGE'))
    expect(space.calls).toEqual([])
  })
})

describe('the devices of one address space', () => {
  test('have the same buffers, and never the same addresses', async () => {
    const space = new FakeAddressSpace()
    const [one, two] = [new Dma(space), new Dma(space, { addressBits: 28 })]
    const buffer = await one.allocate(page)
    const low = await two.allocate(page)
    expect(two.find(buffer.iova)).toEqual({ buffer, offset: 0 })
    expect(one.buffers).toEqual([low, buffer])
    await expect(two.allocate(page, { iova: buffer.iova, addressBits: 64 })).rejects.toThrow(code('IOVA_IN_USE'))
  })

  test('choose from the ranges as the last of them left them', async () => {
    const space = new FakeAddressSpace()
    await new Dma(space).allocate(page)
    space.allowed = [{ first: 0n, last: 0x1f_ffffn }]
    expect((await new Dma(space).allocate(page)).iova).toBe(0x1f_f000n)
  })
})

describe('what fails halfway', () => {
  test('leaves no mapping, no memory and no address taken', async () => {
    const space = new FakeAddressSpace()
    const dma = new Dma(space)
    const refused = new VfioError('NO_MAPPING_LEFT', 'none left')
    space.beforeMap = ({ offset, memory }) => {
      if (offset === 0) expect(memory.length).toBe(128 * MiB + page)
      if (offset === 128 * MiB) throw refused
    }
    await expect(dma.allocate(128 * MiB + page)).rejects.toBe(refused)
    expect(space.mapped.size).toBe(0)
    expect(space.calls.at(-1)).toBe('unmap 0xf6c00000+0x8000000')
    expect(dma.buffers).toEqual([])
    space.beforeMap = () => {}
    expect((await dma.allocate(128 * MiB + page)).iova).toBe(0xf6c0_0000n)
  })

  test('tells why it failed, even where taking it back fails too', async () => {
    const space = new FakeAddressSpace()
    space.beforeMap = ({ offset }) => {
      if (offset > 0) throw new VfioError('MEMLOCK_EXCEEDED', 'too much')
    }
    space.beforeUnmap = () => {
      throw new VfioError('SYSTEM_CALL_FAILED', 'no')
    }
    await expect(new Dma(space).allocate(65 * MiB)).rejects.toThrow(code('MEMLOCK_EXCEEDED'))
  })

  test('a buffer that could not be unmapped stays open, and can be closed later', async () => {
    const space = new FakeAddressSpace()
    const dma = new Dma(space)
    const buffer = await dma.allocate(page)
    space.beforeUnmap = () => {
      throw new VfioError('SYSTEM_CALL_FAILED', 'no')
    }
    expect(() => buffer.close()).toThrow(code('SYSTEM_CALL_FAILED'))
    expect([buffer.closed, buffer.view().length, dma.buffers]).toEqual([false, page, [buffer]])
    space.beforeUnmap = () => {}
    buffer.close()
    expect([buffer.closed, dma.buffers]).toEqual([true, []])
  })
})

describe('a large buffer', () => {
  test('is mapped in pieces of 64 MiB, between which the event loop runs', async () => {
    const space = new FakeAddressSpace()
    const turns: number[] = []
    setImmediate(() => turns.push(space.mapped.size))
    const buffer = await new Dma(space).allocate(130 * MiB)
    expect(space.calls).toEqual([
      `map rw 0x${buffer.iova.toString(16)}+0x4000000 from 0x0`,
      `map rw 0x${(buffer.iova + 0x400_0000n).toString(16)}+0x4000000 from 0x4000000`,
      `map rw 0x${(buffer.iova + 0x800_0000n).toString(16)}+0x200000 from 0x8000000`,
    ])
    expect(turns).toEqual([1])
    buffer.close()
    expect(space.calls.at(-1)).toBe(`unmap 0x${buffer.iova.toString(16)}+0x8200000`)
  })

  test('is not made where everything is unmapped meanwhile', async () => {
    const space = new FakeAddressSpace()
    const dma = new Dma(space)
    const made = dma.allocate(130 * MiB)
    expect(dma.unmapAll()).toBe(BigInt(64 * MiB))
    await expect(made).rejects.toThrow(code('CLOSED'))
    expect([space.mapped.size, dma.buffers]).toEqual([0, []])
  })

  test('is not made where the address space is closed meanwhile', async () => {
    const space = new FakeAddressSpace()
    space.beforeMap = () => {
      if (space.closed) throw new VfioError('CLOSED', 'closed')
    }
    const made = new Dma(space).allocate(130 * MiB)
    space.close()
    await expect(made).rejects.toThrow(code('CLOSED'))
    expect(space.calls.filter((call) => call.startsWith('unmap'))).toEqual([])
  })
})

describe('unmapping everything', () => {
  test('is one call, and closes the buffers', async () => {
    const space = new FakeAddressSpace()
    const dma = new Dma(space)
    const buffers = [await dma.allocate(page), await dma.allocate(2 * page)]
    space.calls.length = 0
    expect(dma.unmapAll()).toBe(BigInt(3 * page))
    expect(space.calls).toEqual(['unmap all'])
    expect(buffers.map(({ closed, memory }) => [closed, memory.length])).toEqual([
      [true, 0],
      [true, 0],
    ])
    expect(dma.buffers).toEqual([])
    expect((await dma.allocate(3 * page)).iova).toBe(0xfedf_d000n)
  })

  test('calls nothing once the address space is closed, which has unmapped everything', async () => {
    const space = new FakeAddressSpace()
    const dma = new Dma(space)
    const [one, two] = [await dma.allocate(page), await dma.allocate(page)]
    space.close()
    space.calls.length = 0
    one.close()
    expect(dma.unmapAll()).toBe(0n)
    expect([two.closed, space.calls]).toEqual([true, []])
  })
})

describe('without an IOMMU', () => {
  test('the address of a buffer is the physical one of its memory, and nothing is mapped', async () => {
    const space = new FakeAddressSpace('noiommu')
    space.frames = [0x1234_5000n, 0x1234_6000n]
    const dma = new Dma(space)
    const buffer = await dma.allocate(2 * page)
    expect([buffer.iova, buffer.iovaOf(page)]).toEqual([0x1234_5000n, 0x1234_6000n])
    expect(dma.find(0x1234_6fffn)).toEqual({ buffer, offset: 2 * page - 1 })
    buffer.close()
    expect([space.calls, buffer.memory.length, dma.buffers]).toEqual([['release 8192 bytes'], 0, []])
  })

  test('memory is kept where it is until its last buffer is closed', async () => {
    const space = new FakeAddressSpace('noiommu')
    const dma = new Dma(space)
    const memory = space.kernel.allocateMemory({ size: 2 * page, kind: 'anonymous' })
    space.frames = [0x5000n]
    const first = await dma.map(memory, { size: page })
    space.frames = [0x9000n]
    const second = await dma.map(memory, { offset: page })
    await expect(dma.map(memory, { offset: page })).rejects.toThrow(code('IOVA_IN_USE'))
    first.close()
    expect(space.calls).toEqual([])
    second.close()
    expect(space.calls).toEqual(['release 8192 bytes'])
  })

  test('memory in several pieces is no buffer', async () => {
    const space = new FakeAddressSpace('noiommu')
    space.frames = [0x5000n, 0x6000n, 0x9000n, 0x8000n]
    await expect(new Dma(space).allocate(4 * page)).rejects.toThrow(
      expect.objectContaining({
        code: 'NOT_SUPPORTED',
        message: '16 KiB of memory lie in 3 pieces, and there is no IOMMU',
        hint: expect.stringContaining('hugePages: true'),
        facts: { size: 4 * page, pieces: 3 },
      }),
    )
    expect(space.calls).toEqual(['release 16384 bytes'])
  })

  test('memory is where it is: no address can be wished for, none is within reach that is not', async () => {
    const space = new FakeAddressSpace('noiommu')
    space.frames = [0x1000_0000n]
    const dma = new Dma(space)
    await expect(dma.allocate(page, { iova: 0x1000_0000n })).rejects.toThrow(code('NOT_SUPPORTED'))
    await expect(dma.allocate(page, { addressBits: 28 })).rejects.toThrow(code('NOT_SUPPORTED'))
    expect((await dma.allocate(page, { addressBits: 29 })).iova).toBe(0x1000_0000n)
    await expect(dma.allocate(page)).rejects.toThrow(code('IOVA_IN_USE'))
  })
})

describe('huge pages', () => {
  function kernelWith(files: Readonly<Record<string, string>>): Kernel {
    const kernel = createMockKernel('demo')
    const read: HostFiles['read'] = (path) => files[path.split('/').at(-1) ?? ''] ?? kernel.files.read(path)
    return {
      ...kernel,
      name: 'mock',
      files: { ...kernel.files, read },
      allocateMemory() {
        throw systemError('ENOMEM', 'mmap')
      },
    }
  }

  test('are 2 MiB each', async () => {
    await using buffer = await new Dma(new FakeAddressSpace()).allocate(page, { hugePages: true })
    expect([buffer.size, buffer.iova % BigInt(2 * MiB)]).toEqual([2 * MiB, 0n])
  })

  test('that the host has too few of are NO_HUGE_PAGES, with how many and how to get them', async () => {
    const kernel = kernelWith({ free_hugepages: '1\n', nr_hugepages: '8\n' })
    const dma = new Dma(new FakeAddressSpace('type1v2', kernel))
    await expect(dma.allocate(5 * MiB, { hugePages: true })).rejects.toThrow(
      expect.objectContaining({
        code: 'NO_HUGE_PAGES',
        errno: 'ENOMEM',
        hint: 'echo 10 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages',
        facts: { needed: 3, free: 1, total: 8 },
      }),
    )
  })

  test('that the kernel does not have are NO_HUGE_PAGES too', async () => {
    const dma = new Dma(new FakeAddressSpace('type1v2', kernelWith({})))
    await expect(dma.allocate(page, { hugePages: true })).rejects.toThrow(code('NO_HUGE_PAGES'))
  })
})
