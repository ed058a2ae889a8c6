import { kernelAnswer, VfioError } from '../../base/errors.ts'
import type { UserAccount } from '../../host/accounts.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import type { Kernel, StartedProgram } from '../../kernel/kernel.ts'
import { passedEnvironment } from '../iommu/passed-environment.ts'
import { type CommandLine, environmentOf, programUser, withRights } from './drop-privileges.ts'
import { forwardSignals } from './forward-signals.ts'
import { bestNodes, firstPassed, openForProgram, type PassedNodes } from './open-for-program.ts'
import { findPrivateNodes, withPrivateNodes } from './private-nodes.ts'

/** A program to run with devices that it need not have rights on. */
export interface RunOptions {
  /** Its name, which is looked for in PATH, or its path, and its arguments. A word '{qemu}' is QEMU's arguments. */
  readonly command: readonly string[]
  /**
   * The user whom it runs as, with no privileges left: a name or number of /etc/passwd. Needed as root; without root it
   * is whoever we are.
   */
  readonly user?: string
  /**
   * The nodes that are opened for it: iommufd's if the host and all the devices have them, else groups, unless told.
   */
  readonly nodes?: PassedNodes
  /** RLIMIT_MEMLOCK in bytes: the memory that it may give to devices. Left as it is unless told. */
  readonly memlock?: number | 'unlimited'
}

/** The end of a program: its exit status, or the signal that ended it. */
export type RunEnd = Awaited<StartedProgram['ended']>

/** The word of a command that stands for QEMU's arguments. */
const qemuWord = '{qemu}'

/**
 * Runs a program with devices that are opened for it. `qemuArguments` are those for /dev/iommu as that descriptor and
 * the devices' nodes as the next ones; for groups if it is null. Its environment is this process's, but for what is
 * said of user and devices.
 */
export async function runProgramWith(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  { command, user: given, memlock, ...options }: RunOptions,
  qemuArguments: (firstDescriptor: number | null) => Promise<readonly string[]>,
): Promise<RunEnd> {
  if (!kernel.passesDescriptors) {
    throw new VfioError('NOT_SUPPORTED', 'no program runs with the devices of a simulated host, or of another root', {
      hint: 'leave out --mock and --root',
    })
  }
  const nodes = options.nodes ?? bestNodes(kernel, devices)
  const user = programUser(kernel.files, given)
  const isQemu = command.includes(qemuWord)
  const itsArguments = isQemu ? await qemuArguments(nodes === 'iommufd' ? firstPassed : null) : []
  const words = command.flatMap((word) => (word === qemuWord ? itsArguments : [word]))
  const line = withRights(kernel.files, words, { user, memlock: memlock ?? null })
  const environment = { ...process.env, ...environmentOf(user) }
  if (isQemu && nodes === 'group') return runByPath(kernel, devices, line, { user, environment })
  const opened = openForProgram(kernel, devices, nodes)
  const its = { ...environment, ...passedEnvironment(opened.passed) }
  // the program has its own: a device that it closes is free
  return runToEnd(kernel, line, its, opened.descriptors, () => opened.close())
}

/** QEMU takes no descriptor of a group: it opens /dev/vfio/N itself. Without root, that takes our own rights. */
async function runByPath(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  line: CommandLine,
  { user, environment }: { readonly user: UserAccount | null; readonly environment: NodeJS.ProcessEnv },
): Promise<RunEnd> {
  const nodes = findPrivateNodes(kernel, devices)
  const its = user === null ? line : withPrivateNodes(kernel.files, line, nodes, user)
  return runToEnd(kernel, its, { ...environment, ...passedEnvironment({}) }, [], () => {})
}

/** Signals are the program's from before it starts until it has ended. */
async function runToEnd(
  kernel: Kernel,
  line: CommandLine,
  environment: Readonly<Record<string, string | undefined>>,
  descriptors: readonly number[],
  onStarted: () => void,
): Promise<RunEnd> {
  const forwarding = forwardSignals(kernel.files)
  try {
    const started = await start(kernel, line, environment, descriptors).finally(onStarted)
    forwarding.to(started)
    return await started.ended
  } finally {
    forwarding.stop()
  }
}

async function start(
  kernel: Kernel,
  line: CommandLine,
  environment: Readonly<Record<string, string | undefined>>,
  descriptors: readonly number[],
): Promise<StartedProgram> {
  try {
    return await kernel.startProgram(line.path, { arguments: line.arguments, environment, descriptors })
  } catch (cause) {
    throw new VfioError('SYSTEM_CALL_FAILED', `cannot run ${line.path}: ${kernelAnswer(cause)}`, {
      cause,
      path: line.path,
    })
  }
}
