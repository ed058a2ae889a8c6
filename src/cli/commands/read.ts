import { hex } from '../../base/units.ts'
import { wholeNumber } from '../arguments/numbers.ts'
import { device, offset, parsePlace, region, type Width, width } from '../arguments/region.ts'
import { type Command, command, usageError } from '../command/command.ts'
import { widthAt } from '../device/access-width.ts'
import { regionNamed, withDevice } from '../device/opened-device.ts'
import { hexDump, jsonValue, readValue } from '../device/region-value.ts'
import type { Io } from '../io/io.ts'
import { json } from '../output/output.ts'

/** More than any register file, and little enough to hold. */
const maxAccesses = 1 << 20

const read: Command = command({
  arguments: {
    device,
    region,
    offset,
    width,
    count: {
      kind: 'option',
      alias: 'n',
      value: 'N',
      completes: 'nothing',
      parse: wholeNumber('--count', maxAccesses),
      describe: 'number of accesses (default: 1)',
    },
    fifo: { kind: 'flag', describe: 'Read the same offset each time, as for a data port' },
    text: { kind: 'flag', describe: 'Print the bytes as text' },
    raw: { kind: 'flag', describe: 'Write the bytes themselves to stdout' },
  },
  examples: [
    ['vfioctl read UUID config vendor_id', 'a register by its name'],
    ['vfioctl read UUID bar0 0x10', 'one access of 32 bits'],
    ['vfioctl read UUID config 0 -n 64 --width 8', '64 bytes, one by one, as a dump'],
    ['vfioctl read UUID bar0 0 -n 15 --fifo --text', '15 bytes from a data port'],
  ],
  async run(values, context, io) {
    const { fifo } = values
    if (values.text && values.raw) throw usageError('--text and --raw exclude each other')
    const place = parsePlace(values.offset, values.region)
    const count = values.count ?? 1
    const read = await withDevice(values.device, context, (device) => {
      const from = regionNamed(device, values.region)
      const bits = values.width ?? widthAt(device, from, place, { bytes: values.text })
      const step = fifo ? 0 : bits / 8
      const found = Array.from({ length: count }, (_, i) => readValue(from, place.offset + i * step, bits))
      return { name: device.name, region: from.name, bits, step, found }
    })
    const { bits, step, found } = read
    const bytes = toBytes(found, bits)
    if (context.options.json) {
      const shown = { device: read.name, region: read.region, offset: place.offset, width: bits, fifo }
      io.out(json({ ...shown, values: found.map((value) => jsonValue(value, bits)) }))
    } else if (values.raw) io.out(bytes)
    else if (values.text) printText(bytes, io)
    else if (bits === 8 && count > 1) io.out(hexDump(bytes, fifo ? 0 : place.offset))
    else io.out(found.map((value, i) => `${hex(place.offset + i * step, 8)}: ${hex(value, bits / 4)}\n`).join(''))
  },
})
export default read

/** Little-endian, as the device's registers are. */
function toBytes(found: readonly bigint[], bits: Width): Uint8Array {
  const bytes = new Uint8Array((found.length * bits) / 8)
  const view = new DataView(bytes.buffer)
  found.forEach((value, i) => {
    for (let byte = 0; byte < bits / 8; byte++) {
      view.setUint8((i * bits) / 8 + byte, Number((value >> BigInt(8 * byte)) & 0xffn))
    }
  })
  return bytes
}

/** One line; what would move a terminal's cursor is escaped. */
function printText(bytes: Uint8Array, io: Io): void {
  const shown = new TextDecoder()
    .decode(bytes)
    .replace(/[^\P{Cc}\n\t]/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`)
  io.out(shown.endsWith('\n') ? shown : `${shown}\n`)
}
