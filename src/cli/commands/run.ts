import { constants } from 'node:os'
import { resolve } from 'node:path'
import { VfioError } from '../../base/errors.ts'
import { printable } from '../../base/units.ts'
import type { Served, ServeOptions } from '../../vfio/program/serve-devices.ts'
import { given } from '../arguments/change-options.ts'
import { parseSize } from '../arguments/numbers.ts'
import { device } from '../arguments/region.ts'
import { topology } from '../arguments/topology.ts'
import { type Command, command, text, usageError } from '../command/command.ts'
import type { Context } from '../command/context.ts'
import type { Io } from '../io/io.ts'
import { jsonLine } from '../output/output.ts'

const epilogue = `\
The command after -- gets descriptors that are open, from 3 on, and their numbers in its environment:
  VFIOCTL_IOMMUFD=3 VFIOCTL_DEVICES=0000:3b:00.0=4,…   /dev/iommu, and each device's /dev/vfio/devices/vfioN
  VFIOCTL_CONTAINER=3 VFIOCTL_GROUPS=12=4,…            /dev/vfio/vfio, and each group's /dev/vfio/N
A word {qemu} of the command becomes QEMU's arguments for the devices; with iommufd, it takes QEMU 8.2. With groups, QEMU
opens /dev/vfio/N itself and gets no descriptor: as root, run gives the command a /dev/vfio of its own (a tmpfs in a mount
namespace, which takes CAP_SYS_ADMIN), where these nodes are the user's and no others are. The host's nodes do not change.
In TypeScript, host.openDevice(device, { passed: passedDescriptors() }) opens a device by them.

With --socket in place of a command, whoever connects to that Unix socket (SOCK_SEQPACKET) as --user gets one message, with
the same descriptors as SCM_RIGHTS, opened anew each time, and their places among them as JSON:
  {"iommufd":0,"devices":{"0000:3b:00.0":1}}    {"container":0,"groups":{"12":1}}    {"error":{"message":"…"}}
The socket has mode 0600 and that owner, in a folder that only root can change. It is there until an interrupt, which is exit 0
then. In TypeScript, host.programs.receiveDescriptors('/run/vfio.sock') gets them.

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
    topology: { ...topology, describe: `of {qemu}: ${topology.describe}` },
    socket: {
      kind: 'option',
      value: 'PATH',
      completes: 'file',
      parse: text,
      describe: 'in place of a command: hand the devices to whoever connects to a Unix socket at PATH as --user',
    },
  },
  examples: [
    ['vfioctl run 3b:00.0 --user alice -- node my-driver.mjs', 'as alice, who has no rights on the device'],
    ['vfioctl run 3b:00.0 --user alice -- qemu-system-x86_64 -M q35 -m 4G {qemu}', 'a virtual machine'],
    ['vfioctl run 3b:00.0 3b:00.1 --user alice --memlock 8G -- npm test', 'two devices, and 8 GiB of memory for them'],
    ['vfioctl run 3b:00.0 --user alice --socket /run/vfio.sock', 'for a daemon of alice’s, which asks for the device'],
  ],
  program: '-- <command> [argument..]',
  epilogue,
  async run({ device, more, user, iommufd, group, memlock, topology, socket }, context, io) {
    const { program } = context
    if (iommufd && group) throw usageError('--iommufd and --group exclude each other')
    const options = given({ user, nodes: iommufd ? 'iommufd' : group ? 'group' : undefined } as const)
    const devices = [device, ...more]
    if (socket !== undefined) {
      if (program !== null || memlock !== undefined || topology !== undefined) {
        throw usageError('--socket goes with no command, no --memlock and no --topology')
      }
      await serve(devices, { ...options, socket: resolve(socket) }, context, io)
      return
    }
    if (program === null || program.length === 0) {
      throw usageError('which command is to run? It comes after --', `vfioctl run ${device} --user NAME -- COMMAND`)
    }
    const host = await context.host()
    const { status, signal } = await host.programs.run(devices, {
      ...options,
      command: program,
      ...given({ memlock, topology }),
    })
    const numbers: ReadonlyMap<string | null, number> = new Map(Object.entries(constants.signals))
    context.status = status ?? 128 + (numbers.get(signal) ?? 0)
  },
})
export default run

/** Until it is interrupted: that is how it ends. */
async function serve(devices: readonly string[], options: ServeOptions, context: Context, io: Io): Promise<void> {
  const host = await context.host()
  if (!host.kernel.passesDescriptors) {
    throw new VfioError(
      'NOT_SUPPORTED',
      'no other process can be given devices of a simulated host, or of another root',
      {
        hint: 'leave out --mock and --root',
      },
    )
  }
  const onServed = (served: Served) => {
    if (context.options.json) io.out(jsonLine(served))
    else io.err(`${shownServed(served)}\n`)
  }
  await host.programs.serveDevices(devices, { ...options, signal: io.interruption(), onServed })
}

function shownServed(served: Served): string {
  if (served.what === 'listening') return `${printable(served.socket)} hands the devices to ${served.user}`
  const { pid, uid } = served
  return served.what === 'passed' ? `passed to pid ${pid}` : `refused pid ${pid} of user ${uid}: ${served.reason}`
}

function parseMemlock(text: string): number | 'unlimited' {
  return text === 'unlimited' ? text : parseSize(text)
}
