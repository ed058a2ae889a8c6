import { VfioError } from '../../errors.ts'
import { hex, printable } from '../../units.ts'
import type { Region } from '../../vfio/region/region.ts'
import { device, region } from '../arguments/region.ts'
import { wholeNumber } from '../arguments/whole-number.ts'
import { type Command, command, text } from '../command.ts'
import { regionNamed, withDevice } from '../device/opened-device.ts'
import { writeWhole } from '../io/write-whole.ts'
import { hexDump } from '../output/hex-dump.ts'
import { json } from '../output/output.ts'

/** Read at a time; a multiple of a dump's line. */
const piece = 64 * 1024

const dump: Command = command({
  arguments: {
    device,
    region,
    offset: {
      kind: 'optional',
      completes: 'nothing',
      parse: wholeNumber('offset', Number.MAX_SAFE_INTEGER),
      describe: 'bytes from the start of the region; 0 where left out',
    },
    length: {
      kind: 'option',
      alias: 'l',
      value: 'BYTES',
      completes: 'nothing',
      parse: wholeNumber('--length', Number.MAX_SAFE_INTEGER),
      describe: 'how many; up to the end of the region where left out',
    },
    output: {
      kind: 'option',
      alias: 'o',
      value: 'FILE',
      completes: 'file',
      parse: text,
      describe: 'write the bytes as they are to this file, all of them or nothing; - is stdout',
    },
  },
  examples: [
    ['vfioctl dump 3b:00.0 config', 'the configuration space, in hex'],
    ['vfioctl dump 3b:00.0 bar0 0x1000 --length 256', 'a part of a BAR; reading may have effects in the device'],
    ['vfioctl dump 3b:00.0 rom --output card.rom', 'the bytes themselves, into a file'],
  ],
  async run(values, context, io) {
    const { output } = values
    const offset = values.offset ?? 0
    await withDevice(values.device, context, ({ device }) => {
      const from = regionNamed(device, values.region)
      const length = checkedLength(from, offset, values.length)
      const facts = { device: device.name, region: from.name, offset, length }
      if (output !== undefined && output !== '-') {
        writeWhole(output, (write) => forEachPiece(from, offset, length, write))
        if (context.options.json) io.out(json({ ...facts, output }))
        else io.err(`wrote ${length} bytes of ${from.name} of ${device.name} to ${printable(output)}\n`)
      } else if (output === '-') {
        forEachPiece(from, offset, length, (bytes) => io.out(bytes))
      } else if (context.options.json) {
        const bytes: string[] = []
        forEachPiece(from, offset, length, (part) => bytes.push(Buffer.from(part).toString('hex')))
        io.out(json({ ...facts, bytes: bytes.join('') }))
      } else {
        forEachPiece(from, offset, length, (bytes, at) => io.out(hexDump(bytes, at)))
      }
    })
  },
})
export default dump

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

/** In pieces, so that a BAR of gigabytes does not have to fit into memory. */
function forEachPiece(
  from: Region,
  offset: number,
  length: number,
  use: (bytes: Uint8Array, at: number) => void,
): void {
  for (let done = 0; done < length; done += piece) {
    const bytes = new Uint8Array(Math.min(piece, length - done))
    from.readInto(offset + done, bytes)
    use(bytes, offset + done)
  }
}
