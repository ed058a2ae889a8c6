import { constants } from 'node:os'
import { given } from '../arguments/change-options.ts'
import { parseBytes } from '../arguments/numbers.ts'
import { device } from '../arguments/region.ts'
import { type Command, command, text, usageError } from '../command/command.ts'

const epilogue = `\
The command after -- gets descriptors that are open, from 3 on, and their numbers in its environment:
  VFIOCTL_IOMMUFD=3 VFIOCTL_DEVICES=0000:3b:00.0=4,…   /dev/iommu, and each device's /dev/vfio/devices/vfioN
  VFIOCTL_CONTAINER=3 VFIOCTL_GROUPS=12=4,…            /dev/vfio/vfio, and each group's /dev/vfio/N
A word {qemu} of the command becomes QEMU's arguments for the devices; with iommufd, it takes QEMU 8.2. With groups, QEMU
opens /dev/vfio/N itself and gets no descriptor: as root, run gives the command a /dev/vfio of its own (a tmpfs in a mount
namespace, which takes CAP_SYS_ADMIN), where these nodes are the user's and no others are. The host's nodes do not change.
In TypeScript, host.openDevice(device, { passed: passedDescriptors() }) opens a device by them.

As root, the command gets the ids and groups of --user, by util-linux's setpriv: no capability is left to it (bounding,
inheritable and ambient sets are empty), and no program that it starts gains privileges (no_new_privs), sudo and setuid
helpers included. HOME, USER, LOGNAME and SHELL are the user's; the rest of the environment, the folder, stdin, stdout and
stderr stay as they are. Without root, the command stays who you are, with no_new_privs. iommufd counts the memory that is
locked by process (IOMMU_OPTION_RLIMIT_MODE), if root opened it.

SIGINT, SIGTERM and SIGHUP are handed on to the command. Its exit status is that of run: 128 + the number
of a signal that ended it, 127 if it was not found, 126 if it cannot be run.`

const run: Command = command({
  arguments: {
    device,
    more: { kind: 'rest', completes: 'vfio device', parse: text, describe: 'more devices' },
    user: {
      kind: 'option',
      alias: 'u',
      value: 'NAME',
      completes: 'nothing',
      parse: text,
      describe: 'the user whom the command runs as, by name or number (needed as root)',
    },
    iommufd: {
      kind: 'flag',
      describe: 'Open each device’s own node with iommufd (default: if the host and all the devices have it)',
    },
    group: { kind: 'flag', describe: 'Open the devices’ groups with a container' },
    memlock: {
      kind: 'option',
      value: 'SIZE',
      completes: ['unlimited', '8G'],
      parse: parseMemlock,
      describe:
        'the memory that the command may lock, and so give to devices: bytes, 512M, 8G or unlimited (default: as it is)',
    },
  },
  examples: [
    ['vfioctl run 3b:00.0 --user alice -- node my-driver.mjs', 'as alice, who has no rights on the device'],
    ['vfioctl run 3b:00.0 --user alice -- qemu-system-x86_64 -M q35 -m 4G {qemu}', 'a virtual machine'],
    ['vfioctl run 3b:00.0 3b:00.1 --user alice --memlock 8G -- npm test', 'two devices, and 8 GiB of memory for them'],
  ],
  program: '-- <command> [argument..]',
  epilogue,
  async run({ device, more, user, iommufd, group, memlock }, context) {
    const { program } = context
    if (program === null || program.length === 0) {
      throw usageError('which command is to run? It comes after --', `vfioctl run ${device} --user NAME -- COMMAND`)
    }
    if (iommufd && group) throw usageError('--iommufd and --group exclude each other')
    const nodes = iommufd ? 'iommufd' : group ? 'group' : undefined
    const host = await context.host()
    const { status, signal } = await host.run([device, ...more], {
      command: program,
      ...given({ user, nodes, memlock } as const),
    })
    const numbers: ReadonlyMap<string | null, number> = new Map(Object.entries(constants.signals))
    context.status = status ?? 128 + (numbers.get(signal) ?? 0)
  },
})
export default run

function parseMemlock(text: string): number | 'unlimited' {
  return text === 'unlimited' ? text : parseBytes('--memlock', text)
}
