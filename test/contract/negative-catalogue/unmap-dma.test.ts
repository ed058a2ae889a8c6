import { describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import { dmaUnmapFlag, vfioBitmap, vfioIommuType1DmaUnmap } from '../../../src/uapi/container.ts'
import { request } from '../../../src/uapi/requests.ts'
import { decode, encode, type Values } from '../../../src/uapi/struct.ts'
import { mapDma, openTranslating } from '../address-space/raw-container.ts'
import { allocate } from '../iommu-modes.ts'
import { answerOf } from '../kernel-answer.ts'
import { pageBytes as page } from '../machine.ts'
import { RawEdu } from './raw-edu.ts'

// libvfio-user's 12 cases of unmapping (test/py/test_dma_unmap.py), asked of VFIO's own container and of iommufd's.
const { VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP: dirty, VFIO_DMA_UNMAP_FLAG_ALL: all } = dmaUnmapFlag
const iova = 0x10_0000n
const { size: structSize } = vfioIommuType1DmaUnmap

type Unmap = Partial<Values<typeof vfioIommuType1DmaUnmap>> & {
  /** Behind the struct, with 8 bytes for its `data` to point to. */
  readonly bitmap?: Partial<Values<typeof vfioBitmap>>
}

async function openCase(context: TestContext, mode: 'type1v2' | 'compat-type1v2') {
  const raw = await openTranslating(context, mode)
  const device = raw.openDevice()
  const call = (bytes: Uint8Array) =>
    answerOf(() => {
      const hasBitmap = bytes.length > structSize
      const offset = structSize + vfioBitmap.fields.data[0]
      const pointers = hasBitmap ? [{ offset, target: new Uint8Array(8) }] : []
      return raw.kernel.ioctl(raw.container, request.VFIO_IOMMU_UNMAP_DMA, bytes, pointers)
    })
  return {
    raw,
    device,
    call,
    map: (at = iova) => mapDma(raw, { iova: at }),
    /** Answer of the call; if that is 0, the bytes unmapped as a bigint. */
    unmap({ bitmap, ...values }: Unmap): number | string | bigint {
      const behind = bitmap === undefined ? new Uint8Array() : encode(vfioBitmap, bitmap)
      const argsz = structSize + behind.length
      const header = encode(vfioIommuType1DmaUnmap, { argsz, iova, size: page, ...values })
      const bytes = Uint8Array.of(...header, ...behind)
      const answer = call(bytes)
      return answer === 0 ? decode(vfioIommuType1DmaUnmap, bytes).size : answer
    },
  }
}

type Case = Awaited<ReturnType<typeof openCase>>

const cases: [name: string, expected: unknown, ask: (it: Case) => unknown][] = [
  ['a struct that ends after its flags', 'never made', ({ call }) => call(new Uint8Array(8))],
  ['an argsz that ends after its flags', 'EINVAL', ({ unmap }) => unmap({ argsz: 8 })],
  ['an argsz beyond what is there', 'never made', ({ unmap }) => unmap({ argsz: 0x10_0008 })],
  [
    'a bitmap of more bytes than there are addresses',
    'EINVAL',
    ({ map, unmap }) => {
      map()
      return unmap({ flags: dirty, bitmap: { pgsize: page, size: 0xffff_ffff_ffff_ffd8n } })
    },
  ],
  [
    'dirty pages where nobody logs them',
    'EINVAL',
    ({ map, unmap }) => {
      map()
      return unmap({ flags: dirty, bitmap: { pgsize: page, size: 8n } })
    },
  ],
  ['a flag that is not known', 'EINVAL', ({ unmap }) => unmap({ flags: 0x8 })],
  [
    'what is mapped, and a mapping beside it that stays',
    [page, page],
    ({ map, unmap }) => {
      map()
      map(2n * iova)
      return [unmap({}), unmap({ iova: 2n * iova })]
    },
  ],
  ['where nothing is mapped', 0n, ({ unmap }) => unmap({})],
  [
    'while a device is on its way there: it is not waited for, and finds nothing',
    [page, true],
    async (it) => {
      const memory = allocate(it.raw.kernel, Number(page))
      onTestFinished(() => memory.close())
      const edu = new RawEdu(it.raw.kernel, it.device)
      memory.view().fill(0x55)
      let unmapped: unknown
      do {
        mapDma(it.raw, {}, memory)
        edu.startStore(iova, 64)
        unmapped = it.unmap({})
        // a machine that stood still in between proves nothing: once more
      } while (!edu.isRunning && memory.view().fill(0x55) !== null)
      await edu.settled()
      return [unmapped, memory.view().every((byte) => byte === 0x55)]
    },
  ],
  [
    'all of many',
    16n * page,
    ({ map, unmap }) => {
      for (let nth = 0n; nth < 16n; nth++) map(nth * page)
      return unmap({ flags: all, iova: 0n, size: 0n })
    },
  ],
  ['all, and a range', 'EINVAL', ({ unmap }) => unmap({ flags: all })],
  [
    'all, and their dirty pages',
    'EINVAL',
    ({ unmap }) => unmap({ flags: all | dirty, iova: 0n, size: 0n, bitmap: { pgsize: page, size: 8n } }),
  ],
]

describe.each(['type1v2', 'compat-type1v2'] as const)('UNMAP_DMA in mode %s', (mode) => {
  test.for(cases.map((row, index) => [index + 1, ...row] as const))(
    'case %i of 12: %s',
    async ([, , expected, ask], context) => {
      expect(await ask(await openCase(context, mode))).toEqual(expected)
    },
  )
})
