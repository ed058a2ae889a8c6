import { printable } from '../../base/units.ts'
import { byIommufd, guestDevices } from '../arguments/guest-devices.ts'
import { fileToWrite, outputFile } from '../arguments/output-file.ts'
import { type Command, command } from '../command/command.ts'
import { writeWhole } from '../io/write-whole.ts'
import { json, reportWarnings } from '../output/output.ts'

const cdi: Command = command({
  arguments: {
    ...guestDevices,
    iommufd: byIommufd,
    output: outputFile('spec'),
  },
  examples: [
    ['vfioctl cdi 3b:00.0', 'the spec of a PCI device: /dev/vfio/vfio and its group'],
    ['vfioctl cdi 3b:00.0 --iommufd', 'the same with /dev/iommu and the node of the device'],
    ['vfioctl cdi UUID --output /run/cdi/vfioctl.json', 'for podman run --device vfioctl/device=UUID'],
  ],
  epilogue: [
    'Runtimes read /etc/cdi and /run/cdi. Groups and nodes may have other numbers after a boot: /run/cdi is emptied then.',
    'A device is named by its address, with dashes for colons, or by its UUID: vfioctl/device=0000-3b-00.0.',
  ].join('\n'),
  async run({ device, more, iommufd, output }, context, io) {
    const host = await context.host()
    const { spec, warnings } = await host.guest.cdiSpec([device, ...more], { iommufd })
    reportWarnings(warnings, io)
    const file = fileToWrite(output)
    if (file === null) {
      io.out(json(spec))
      return
    }
    await writeWhole(file, [new TextEncoder().encode(json(spec))], io.interruption())
    const names = spec.devices.map(({ name }) => `${spec.kind}=${name}`).join(', ')
    io.err(`wrote ${printable(file)}: ${names}\n`)
  },
})
export default cdi
