import type { UserAccount } from '../../host/accounts.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import { programOf } from '../../host/program-path.ts'
import type { DeviceNumber, HostFiles, Kernel } from '../../kernel/kernel.ts'
import { orClose } from '../calls/close-in-order.ts'
import { openContainer } from '../group/container.ts'
import { openGroup } from '../group/group.ts'
import type { CommandLine } from './drop-privileges.ts'
import { groupsOf } from './open-for-program.ts'

/** A node for a program that opens its devices by path. */
export interface PrivateNode {
  readonly path: string
  readonly number: DeviceNumber
}

/**
 * The nodes of the devices' groups and of a container, opened once, so that one which is in use or gone is known before
 * the program runs. Throws as opening them does.
 */
export function findPrivateNodes(kernel: Kernel, devices: readonly DeviceAddress[]): PrivateNode[] {
  const one = (path: string, { descriptor }: ReturnType<typeof openContainer | typeof openGroup>): PrivateNode[] => {
    const number = orClose([descriptor], () => kernel.deviceNumber(descriptor.fd))
    descriptor.close()
    return number === null ? [] : [{ path, number }]
  }
  return [
    ...one('/dev/vfio/vfio', openContainer(kernel)),
    ...groupsOf(devices).flatMap((group) => one(`/dev/vfio/${group}`, openGroup(kernel, group))),
  ]
}

/**
 * A command that sees these nodes alone in /dev/vfio, as the user's own: a tmpfs in a mount namespace of its own, by
 * util-linux's unshare(1) and mount(8). The host's nodes stay as they are, and the kernel takes it all away with the
 * last process in it, however that ends. Takes CAP_SYS_ADMIN, which a container may lack. NOT_SUPPORTED if a program is
 * missing.
 */
export function withPrivateNodes(
  files: HostFiles,
  line: CommandLine,
  nodes: readonly PrivateNode[],
  { uid, gid }: UserAccount,
): CommandLine {
  const [mount, mknod, chown] = ['mount', 'mknod', 'chown'].map((name) => programOf(files, name))
  const script = [
    `${mount} -t tmpfs -o mode=755,nosuid,noexec vfio /dev/vfio`,
    ...nodes.map(({ path, number }) => `${mknod} -m 600 ${path} c ${number.major} ${number.minor}`),
    ...nodes.map(({ path }) => `${chown} ${uid}:${gid} ${path}`),
    'exec "$@"',
  ].join(' && ')
  return {
    path: programOf(files, 'unshare'),
    arguments: [
      ...['--mount', '--propagation', 'private', '--'],
      ...[programOf(files, 'sh'), '-c', script, 'vfioctl', line.path, ...line.arguments],
    ],
  }
}
