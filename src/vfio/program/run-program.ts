import { kernelAnswer, VfioError } from '../../base/errors.ts'
import type { DeviceAddress } from '../../host/device-node.ts'
import type { Kernel, StartedProgram } from '../../kernel/kernel.ts'
import { passedEnvironment } from '../iommu/passed-environment.ts'
import { type CommandLine, environmentOf, programUser, withRights } from './drop-privileges.ts'
import { bestNodes, openForProgram, type PassedNodes } from './open-for-program.ts'

/** A program to run with devices that it need not have rights on. */
export interface RunOptions {
  /** Its name or path, which is looked for in PATH, and its arguments. */
  readonly command: readonly string[]
  /**
   * The user whom it runs as, with no privileges left: a name or number of /etc/passwd. Needed as root; without root it is
   * whoever we are.
   */
  readonly user?: string
  /** The nodes that are opened for it: iommufd's if the host and all the devices have them, else groups, unless told. */
  readonly nodes?: PassedNodes
  /** RLIMIT_MEMLOCK in bytes: the memory that it may give to devices. Left as it is unless told. */
  readonly memlock?: number | 'unlimited'
}

/** The end of a program: its exit status, or the signal that ended it. */
export type RunEnd = Awaited<StartedProgram['ended']>

/** Runs a program with devices that are opened for it; `environment` is its own, but for what is said of user and devices. */
export async function runProgramWith(
  kernel: Kernel,
  devices: readonly DeviceAddress[],
  { command, user: given, nodes, memlock }: RunOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<RunEnd> {
  if (!kernel.passesDescriptors) {
    throw new VfioError('NOT_SUPPORTED', 'no program runs with the devices of a simulated host, or of another root', {
      hint: 'leave out --mock and --root',
    })
  }
  const user = programUser(kernel.files, given)
  const line = withRights(kernel.files, command, { user, memlock: memlock ?? null })
  const opened = openForProgram(kernel, devices, nodes ?? bestNodes(kernel, devices))
  const { passed, descriptors } = opened
  const its = { ...environment, ...environmentOf(user), ...passedEnvironment(passed) }
  let started: StartedProgram
  try {
    started = await start(kernel, line, its, descriptors)
  } finally {
    // the program has its own: a device that it closes is free
    opened.close()
  }
  return started.ended
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
