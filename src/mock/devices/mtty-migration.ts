import { kernelOrder } from '../../base/byte-order.ts'
import { migrationFlag } from '../../uapi/features.ts'
import { Errno } from '../base/errno.ts'
import { ModelMigration } from '../sdk/migration.ts'
import { portSize, type Uart } from './uart.ts'

const { VFIO_MIGRATION_STOP_COPY, VFIO_MIGRATION_P2P, VFIO_MIGRATION_PRE_COPY } = migrationFlag

/** u64 magic, u32 major and minor version, number of ports, flags. */
const headerSize = 24
const magic = 0x7e9d_0989_8c3e_2c4en
const majorVersion = 1

/** Migration of mtty since Linux 6.7: its ports are 36 bytes each, behind a header that can be pre-copied. */
export function mttyMigration(ports: readonly Uart[], state: number): ModelMigration {
  const size = headerSize + ports.length * portSize
  const header = headerOf(ports.length)
  return new ModelMigration({
    name: 'mtty_mig',
    flags: VFIO_MIGRATION_STOP_COPY | VFIO_MIGRATION_P2P | VFIO_MIGRATION_PRE_COPY,
    state,
    size: () => size,
    header: () => header,
    body: () => Buffer.concat(ports.map((port) => port.toBytes())),
    /** EFAULT as soon as the header is there and is another one. */
    check(data, before) {
      const isHeader = before < headerSize && data.length >= headerSize
      if (isHeader && Buffer.compare(data.subarray(0, headerSize), header) !== 0) throw new Errno('EFAULT')
    },
    load(data) {
      if (data.length < size) throw new Errno('EINVAL')
      for (const [index, port] of ports.entries()) {
        port.fromBytes(data.subarray(headerSize + index * portSize, headerSize + (index + 1) * portSize))
      }
    },
  })
}

function headerOf(ports: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(headerSize))
  view.setBigUint64(0, magic, kernelOrder)
  view.setUint32(8, majorVersion, kernelOrder)
  view.setUint32(16, ports, kernelOrder)
  return new Uint8Array(view.buffer)
}
