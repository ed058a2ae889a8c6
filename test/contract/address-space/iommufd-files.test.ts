import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { iommufdRequest, iommuIoasMapFile } from '../../../src/uapi/iommufd.ts'
import type { Values } from '../../../src/uapi/struct.ts'
import { errnoOf } from '../kernel-answer.ts'
import { pageBytes as page } from '../machine.ts'
import {
  allocateIoas,
  attachDevice,
  bindDevice,
  callIommufd,
  fixed,
  openRawIommufd,
  type RawIommufd,
  readable,
  unmapIoas,
} from './raw-iommufd.ts'

const iova = 0x10_0000n
const writeable = 2

interface WithFile extends RawIommufd {
  readonly ioas_id: number
  /** A memory file of four pages. */
  readonly fd: number
  mapFile(values: Partial<Values<typeof iommuIoasMapFile>>): bigint
}

async function open(context: TestContext): Promise<WithFile> {
  const raw = await openRawIommufd(context)
  const memory = raw.kernel.allocateMemory({ size: Number(4n * page), kind: 'memfd' })
  onTestFinished(() => memory.close())
  const { fd } = memory
  if (fd === null) throw new Error('a memory file has a descriptor')
  const ioas_id = allocateIoas(raw)
  return {
    ...raw,
    ioas_id,
    fd,
    mapFile: (values) =>
      callIommufd(raw, iommufdRequest.IOMMU_IOAS_MAP_FILE, iommuIoasMapFile, {
        flags: fixed | readable,
        ioas_id,
        fd,
        length: page,
        iova,
        ...values,
      }).iova,
  }
}

describe('a file that is mapped in an IOAS', () => {
  test('is there from a byte of it on, until it is unmapped', async (context) => {
    const raw = await open(context)
    bindAndAttach(raw)
    expect(raw.mapFile({ start: page, length: 3n * page, flags: fixed | readable | writeable })).toBe(iova)
    expect(errnoOf(() => raw.mapFile({}))).toBe('EEXIST')
    expect(unmapIoas(raw, raw.ioas_id, iova, 3n * page)).toBe(3n * page)
  })

  test('is put where the kernel chooses', async (context) => {
    const raw = await open(context)
    const at = raw.mapFile({ flags: readable, length: 2n * page, iova: 0n })
    expect(at).toBeGreaterThan(0n)
    expect(unmapIoas(raw, raw.ioas_id, at, 2n * page)).toBe(2n * page)
  })

  test.for<[string, Partial<Values<typeof iommuIoasMapFile>>, string]>([
    ['of no bytes', { length: 0n }, 'EINVAL'],
    ['that nobody may reach', { flags: fixed }, 'EINVAL'],
    ['with an unknown flag', { flags: fixed | readable | 8 }, 'EOPNOTSUPP'],
    ['at the highest address there is', { iova: 0xffff_ffff_ffff_ffffn }, 'EOVERFLOW'],
    ['from a byte that ends past 64 bits', { start: 0xffff_ffff_ffff_f000n, length: 2n * page }, 'EOVERFLOW'],
    ['of all bytes but a page', { length: 0xffff_ffff_ffff_f000n }, 'EINVAL'],
    ['in what is no IOAS', { ioas_id: 99 }, 'ENOENT'],
    ['that is not open', { fd: 999 }, 'EBADF'],
    ['from inside a page', { start: 1n }, 'EINVAL'],
    ['at an address inside a page', { iova: iova + 1n }, 'EINVAL'],
    ['beyond its end', { start: 3n * page, length: 2n * page }, 'EINVAL'],
  ])('is refused %s', async ([, values, code], context) => {
    const raw = await open(context)
    bindAndAttach(raw)
    expect(errnoOf(() => raw.mapFile(values))).toBe(code)
  })

  test('a file that is no memory is refused', async (context) => {
    const raw = await open(context)
    bindAndAttach(raw)
    expect(errnoOf(() => raw.mapFile({ fd: raw.iommufd }))).toBe('EINVAL')
  })
})

function bindAndAttach(raw: WithFile): void {
  const device = raw.openNode()
  bindDevice(raw, device, raw.iommufd)
  attachDevice(raw, device, raw.ioas_id)
}
