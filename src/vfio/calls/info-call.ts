import { kernelOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { decode, encode, type Layout, type Values } from '../../uapi/struct.ts'

type InfoLayout = Layout & {
  readonly fields: { readonly argsz: readonly [0, 'u32']; readonly flags: readonly [4, 'u32'] }
}

/** Growing chains are asked for again this often; a driver whose answer never settles is broken. */
const maxCalls = 4
const maxBytes = 1 << 20

/**
 * An info call that may carry capabilities: first with the bare struct (some drivers refuse more), then with as much as
 * the kernel asks for in argsz. Returns the answer, cut where the kernel's own ends. Whatever is not named in `asked`
 * is zero: some drivers leave fields as they came.
 */
export function callForInfo<L extends InfoLayout>(
  layout: L,
  asked: Partial<Values<L>>,
  capsFlag: number,
  call: (bytes: Uint8Array) => void,
): Uint8Array {
  const empty = encode(layout, asked)
  let length: number = layout.size
  for (let calls = 0; calls < maxCalls; calls++) {
    const bytes = new Uint8Array(length)
    bytes.set(empty)
    new DataView(bytes.buffer).setUint32(0, length, kernelOrder)
    call(bytes)
    const { argsz, flags } = decode(header, bytes)
    if ((flags & capsFlag) === 0) return bytes.subarray(0, layout.size)
    if (argsz > maxBytes) throw unbelievable(layout.name, argsz)
    if (argsz <= length) return bytes.subarray(0, argsz)
    length = argsz
  }
  throw unbelievable(layout.name, length)
}

const header = { name: 'argsz and flags', size: 8, fields: { argsz: [0, 'u32'], flags: [4, 'u32'] } } as const

function unbelievable(struct: string, argsz: number): VfioError {
  return new VfioError('MALFORMED_REPLY', `the kernel asks for ${argsz} bytes for struct ${struct}`, {
    facts: { struct, argsz, limit: maxBytes },
  })
}
