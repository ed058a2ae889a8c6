import { deviceOrder } from '../../base/byte-order.ts'
import type { ScenarioPciDevice } from '../scenario/scenario.ts'

/** The highest number that a namespace could have. */
export const namespaces = 256

const size = 4096

/** The Identify Controller structure (NVM Express base specification, 5.17). */
export function identifyController({ vendor, subsystemVendor, function: what }: ScenarioPciDevice): Uint8Array {
  const bytes = new Uint8Array(size)
  const view = new DataView(bytes.buffer)
  const setText = (text: string, from: number, to: number) => {
    bytes.fill(0x20, from, to)
    bytes.set(Buffer.from(text, 'latin1').subarray(0, to - from), from)
  }
  view.setUint16(0, Number(vendor), deviceOrder)
  view.setUint16(2, Number(subsystemVendor), deviceOrder)
  setText(what?.serial ?? '', 4, 24)
  setText('QEMU NVMe Ctrl', 24, 64)
  setText('mock', 64, 72)
  // arbitration burst; the organisation that made it; 128 pages in a transfer
  bytes.set([6, 0x00, 0x54, 0x52], 72)
  bytes[77] = 7
  view.setUint32(80, 0x0001_0400, deviceOrder)
  // sizes of queue entries: 64 and 16 bytes, at least and at most
  bytes[512] = 0x66
  bytes[513] = 0x44
  view.setUint32(516, namespaces, deviceOrder)
  return bytes
}

/** The numbers of the namespaces that are there: none. */
export function activeNamespaces(): Uint8Array {
  return new Uint8Array(size)
}
