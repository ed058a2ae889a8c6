import { printable } from '../../base/units.ts'
import { given } from '../arguments/change-options.ts'
import { byIommufd, guestDevices } from '../arguments/guest-devices.ts'
import { wholeNumber } from '../arguments/numbers.ts'
import { topology } from '../arguments/topology.ts'
import { type Command, command, usageError } from '../command/command.ts'
import { json, reportWarnings } from '../output/output.ts'
import { shellQuoted } from '../output/shell-quoted.ts'

const qemu: Command = command({
  arguments: {
    ...guestDevices,
    iommufd: byIommufd,
    topology,
    display: {
      kind: 'flag',
      describe: 'Show the displays that virtual devices have in QEMU’s own, which it must have',
    },
    resolution: {
      kind: 'option',
      value: 'WxH',
      completes: 'nothing',
      parse: parseResolution,
      describe: 'with --display: the resolution that the guest is told, by devices with an EDID',
    },
    fd: {
      kind: 'option',
      value: 'N',
      completes: 'nothing',
      parse: wholeNumber('--fd', 0xffff),
      describe: 'with --iommufd: QEMU inherits /dev/iommu as descriptor N, and the devices’ nodes as N+1, N+2…',
    },
  },
  examples: [
    ['vfioctl qemu 3b:00.0', 'a PCI device, behind a root port where it can be unplugged'],
    ['vfioctl qemu 81:00.* --iommufd', 'all functions of a device, which stay together, by iommufd'],
    ['vfioctl qemu UUID --display', 'a mediated device with a display'],
    ['vfioctl qemu 3b:00.0 --json', 'the arguments as an array, for programs'],
  ],
  epilogue: [
    'Root ports and bridges are for the machines q35, and virt of arm64; with --topology flat, the arguments are for any.',
    '--iommufd needs QEMU 8.2. What is not ready for a guest to start is a warning on stderr.',
  ].join('\n'),
  async run({ device, more, fd, iommufd, display, topology, resolution }, context, io) {
    const host = await context.host()
    const options = { iommufd, display, ...given({ topology, resolution, firstDescriptor: fd }) }
    const result = await host.guest.qemuArguments([device, ...more], options)
    if (context.options.json) {
      io.out(json(result))
      return
    }
    reportWarnings(result.warnings, io)
    for (const { fd: number, path } of result.descriptors) io.err(`descriptor ${number}: ${path}, read and write\n`)
    io.out(pairs(result.arguments))
  },
})
export default qemu

/** An option and its value on each line, as a shell reads them on. */
function pairs(words: readonly string[]): string {
  const lines = words.flatMap((_word, at) => (at % 2 === 0 ? [words.slice(at, at + 2)] : []))
  return `${lines.map((line) => line.map(shellQuoted).join(' ')).join(' \\\n')}\n`
}

function parseResolution(given: string): { width: number; height: number } {
  const [, width, height] = /^([1-9]\d{0,4})x([1-9]\d{0,4})$/.exec(given) ?? []
  if (width === undefined || height === undefined || Math.max(Number(width), Number(height)) > 0xffff) {
    throw usageError(`--resolution '${printable(given)}' is not a resolution, such as 1920x1080`)
  }
  return { width: Number(width), height: Number(height) }
}
