import { VfioError } from '../../base/errors.ts'
import { counted, hex } from '../../base/units.ts'
import type { Region } from '../../vfio/region/region.ts'
import { dryRun } from '../arguments/global-options.ts'
import { device, offset, parsePlace, parseValue, region, type Width, width } from '../arguments/region.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import { widthAt } from '../device/access-width.ts'
import { regionNamed, withDevice } from '../device/opened-device.ts'
import { jsonValue, writeValue } from '../device/region-value.ts'
import { json } from '../output/output.ts'

interface Access {
  readonly offset: number
  readonly value: bigint
}

const write: Command = command({
  arguments: {
    device,
    region,
    offset,
    values: { kind: 'rest', completes: 'nothing', parse: text, describe: 'unsigned numbers, decimal or 0x…' },
    width,
    text: {
      kind: 'option',
      value: 'STRING',
      completes: 'nothing',
      parse: text,
      describe: 'write the bytes of this text instead of values',
    },
    fifo: { kind: 'flag', describe: 'Write to the same offset each time, as for a data port' },
    'dry-run': dryRun,
  },
  examples: [
    ['vfioctl write UUID config command 0x7', 'a register by its name'],
    ['vfioctl write UUID bar0 0x10 0x80', 'one access of 32 bits'],
    ['vfioctl write UUID bar0 3 0x80 --width 8', 'one byte, to a device that takes bytes'],
    ['vfioctl write UUID bar0 0 --fifo --text "hello, mtty"', 'text into a data port'],
  ],
  async run(values, context, io) {
    const place = parsePlace(values.offset, values.region)
    const given = checkedValues(values.values, values.text, values.width)
    const dry = values['dry-run']
    const written = await withDevice(values.device, context, (device) => {
      const to = regionNamed(device, values.region)
      const bits = values.width ?? widthAt(device, to, place, { bytes: values.text !== undefined })
      const step = values.fifo ? 0 : bits / 8
      const accesses = valuesToWrite(given, values.text, bits).map((value, i) => ({
        offset: place.offset + i * step,
        value,
      }))
      for (const access of accesses) checkAccess(to, access, bits)
      if (!dry) for (const access of accesses) writeValue(to, access.offset, bits, access.value)
      return { name: device.name, region: to.name, bits, accesses }
    })
    const { bits, accesses } = written
    if (context.options.json) {
      const shown = {
        device: written.name,
        region: written.region,
        offset: place.offset,
        width: bits,
        fifo: values.fifo,
      }
      io.out(json({ ...shown, values: accesses.map(({ value }) => jsonValue(value, bits)), dryRun: dry }))
    } else if (dry) {
      io.out(
        accesses
          .map(({ offset, value }) => `write${bits} ${hex(value, bits / 4)} > ${written.region} ${hex(offset)}\n`)
          .join(''),
      )
    } else {
      const bytes = (accesses.length * bits) / 8
      io.err(`wrote ${counted(bytes, 'byte')} to ${written.region} at ${hex(place.offset)} of ${written.name}\n`)
    }
  },
})
export default write

/** Checks the values as far as it can before the device is opened: only then is the width of an access known. */
function checkedValues(
  given: readonly string[],
  asText: string | undefined,
  width: Width | undefined,
): readonly string[] {
  if (asText === undefined) {
    if (given.length === 0) throw usageError('no values to write', 'values, or --text STRING')
    for (const value of given) parseValue(value, width ?? 64)
    return given
  }
  if (given.length > 0) throw usageError('values and --text exclude each other')
  if (width !== undefined && width !== 8) throw usageError('--text is written byte by byte: --width 8')
  return given
}

function valuesToWrite(given: readonly string[], asText: string | undefined, bits: Width): bigint[] {
  if (asText === undefined) return given.map((value) => parseValue(value, bits))
  if (bits !== 8) throw usageError('--text is written byte by byte: --width 8')
  return Array.from(new TextEncoder().encode(asText), BigInt)
}

/** All of them before the first write, so that a command line that cannot be done does nothing. */
function checkAccess(to: Region, { offset }: Access, bits: Width): void {
  const bytes = bits / 8
  const where = `${bits}-bit write at ${hex(offset)} of region ${to.name}`
  if (!to.flags.write) throw new VfioError('NOT_SUPPORTED', `region ${to.name} cannot be written`)
  if (offset % bytes !== 0) throw usageError(`${where}: the offset is not a multiple of ${bytes}`)
  if (offset + bytes > to.size) {
    throw new VfioError('OUT_OF_RANGE', `${where}: the region is ${hex(to.size)} bytes long`, {
      facts: { region: to.name, offset, size: to.size },
    })
  }
}
