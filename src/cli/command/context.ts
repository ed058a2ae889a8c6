import { checkHost } from '../../host/check-host.ts'
import { Host } from '../../host.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Io } from '../io/io.ts'

/** Options that stand before or after any command. */
export interface GlobalOptions {
  /** A simulated host's name or scenario file; null for the real kernel. */
  readonly mock: string | null
  readonly root: string | null
  readonly json: boolean
  /** Number of times that -v was given. */
  readonly verbose: number
}

/** Options, kernel and host of a command. The kernel is opened at its first use, and only the one that was chosen. */
export class Context {
  readonly options: GlobalOptions
  /** The words after `--` (`SplitCommandLine.program`). */
  readonly program: readonly string[] | null
  /** The exit status of a command that does not fail: another's, if it ran a program. */
  status = 0
  readonly #io: Io
  #kernel: Kernel | null = null
  #host: Host | null = null

  constructor(options: GlobalOptions, io: Io, program: readonly string[] | null = null) {
    this.options = options
    this.program = program
    this.#io = io
  }

  /**
   * The host that command lines for people are about: the one that was given, by its option. Of one that was recorded,
   * they are for the host itself.
   */
  get givenHost(): Pick<GlobalOptions, 'mock' | 'root'> {
    return this.#kernel?.recorded === true ? { mock: null, root: null } : this.options
  }

  async kernel(): Promise<Kernel> {
    this.#kernel ??= await tracedIfAsked(await this.#open(), this.#io.env)
    return this.#kernel
  }

  /** The library's host, as any other program has it. */
  async host(): Promise<Host> {
    this.#host ??= new Host(await this.kernel())
    return this.#host
  }

  dispose(): void {
    this.#kernel?.dispose()
  }

  async #open(): Promise<Kernel> {
    const { mock, root } = this.options
    if (mock === null) {
      const { openLinux } = await import('../../kernel/linux.ts')
      const kernel = openLinux(root === null ? {} : { root })
      checkHost(kernel.files, root)
      return kernel
    }
    const { openMock } = await import('./mock-host.ts')
    return openMock(mock, this.#io)
  }
}

/** The trace is loaded only if it is asked for. */
export async function tracedIfAsked(
  kernel: Kernel,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Kernel> {
  if ((environment['VFIOCTL_TRACE'] ?? '') === '') return kernel
  const { traced } = await import('../../kernel/trace/traced-kernel.ts')
  return traced(kernel, environment)
}
