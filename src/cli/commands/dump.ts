import { deviceOrder } from '../../base/byte-order.ts'
import { VfioError } from '../../base/errors.ts'
import { counted, hex, printable } from '../../base/units.ts'
import type { Device } from '../../vfio/device.ts'
import type { Region } from '../../vfio/region/region.ts'
import { wholeNumber } from '../arguments/numbers.ts'
import { fileToWrite, outputFile } from '../arguments/output-file.ts'
import { device, region, type Width, width } from '../arguments/region.ts'
import { type Command, command } from '../command/command.ts'
import { accessesOf } from '../device/access-width.ts'
import { regionNamed, withDevice } from '../device/opened-device.ts'
import { hexDump, readValue } from '../device/region-value.ts'
import { writeWhole } from '../io/write-whole.ts'
import { json } from '../output/output.ts'

/** Handed on at a time; a multiple of a dump's line. */
const piece = 64 * 1024

interface Piece {
  readonly bytes: Uint8Array
  /** In the region. */
  readonly at: number
}

const dump: Command = command({
  arguments: {
    device,
    region,
    offset: {
      kind: 'optional',
      completes: 'nothing',
      parse: wholeNumber('offset', Number.MAX_SAFE_INTEGER),
      describe: 'bytes from the start of the region (default: 0)',
    },
    length: {
      kind: 'option',
      alias: 'l',
      value: 'BYTES',
      completes: 'nothing',
      parse: wholeNumber('--length', Number.MAX_SAFE_INTEGER),
      describe: 'number of bytes (default: up to the end of the region)',
    },
    width,
    output: outputFile('bytes'),
  },
  examples: [
    ['vfioctl dump 3b:00.0 config', 'the configuration space, in hex'],
    ['vfioctl dump 3b:00.0 bar0 0x1000 --length 256', 'a part of a BAR; reading may have effects in the device'],
    ['vfioctl dump 3b:00.0 bar0 0x1002 --length 2', 'two bytes of a 32-bit access; only --width makes a narrower one'],
    ['vfioctl dump 3b:00.0 rom --output card.rom', 'the option ROM, written to a file'],
  ],
  async run(values, context, io) {
    const { output } = values
    const offset = values.offset ?? 0
    await withDevice(values.device, context, async (device) => {
      const from = regionNamed(device, values.region)
      const length = checkedLength(from, offset, values.length)
      const read = pieces(device, from, { from: offset, to: offset + length }, values.width)
      const facts = { device: device.name, region: from.name, offset, length }
      const file = fileToWrite(output)
      if (file !== null) {
        await writeWhole(file, contentOf(read), io.interruption())
        if (context.options.json) io.out(json({ ...facts, output: file }))
        else io.err(`wrote ${counted(length, 'byte')} of ${from.name} of ${device.name} to ${printable(file)}\n`)
      } else if (output === '-') {
        for (const { bytes } of read) io.out(bytes)
      } else if (context.options.json) {
        const bytes: string[] = []
        for (const part of read) bytes.push(Buffer.from(part.bytes).toString('hex'))
        io.out(json({ ...facts, bytes: bytes.join('') }))
      } else {
        for (const { bytes, at } of read) io.out(hexDump(bytes, at))
      }
    })
  },
})
export default dump

function* contentOf(read: Iterable<Piece>): Generator<Uint8Array> {
  for (const { bytes } of read) yield bytes
}

function checkedLength({ name, size }: Region, offset: number, length = size - offset): number {
  if (size === 0) throw new VfioError('NOT_SUPPORTED', `region ${name} is not there: its size is 0`)
  if (offset < size && offset + length <= size) return length
  const end = hex(offset + Math.max(length, 0))
  throw new VfioError(
    'OUT_OF_RANGE',
    `cannot dump ${hex(offset)} to ${end}: region ${name} is ${hex(size)} bytes long`,
    {
      hint: 'vfioctl inspect DEVICE',
      facts: { region: name, offset, length, size },
    },
  )
}

/**
 * In pieces, so that a BAR of gigabytes does not have to fit into memory. Each access is a call of its own: the kernel
 * makes as many 64-bit accesses of a longer one as it can, from 6.12 on.
 */
function* pieces(
  device: Device,
  region: Region,
  range: { readonly from: number; readonly to: number },
  width: Width | undefined,
): Generator<Piece> {
  const buffer = new Uint8Array(piece + 16)
  const view = new DataView(buffer.buffer)
  let at = range.from
  let filled = 0
  for (const { offset, bits } of accessesOf(device, region, range, width)) {
    const before = Math.max(0, range.from - offset)
    view.setBigUint64(filled, readValue(region, offset, bits) >> BigInt(8 * before), deviceOrder)
    filled += Math.min(bits / 8, range.to - offset) - before
    if (filled < piece) continue
    yield { bytes: buffer.slice(0, piece), at }
    buffer.copyWithin(0, piece, filled)
    filled -= piece
    at += piece
  }
  if (filled > 0) yield { bytes: buffer.slice(0, filled), at }
}
