/** A command's access to its process: outputs for data and messages, inputs, signals. Tests give their own. */
export interface Io {
  /**
   * Data, to stdout. Of text, what a terminal would obey or hide is an escape; bytes are written as they are. What
   * cannot be written is dropped, here and in `err`: the exit status says it.
   */
  out(text: string | Uint8Array): void
  /** One message for people, to stderr, on one line. */
  err(text: string): void
  /**
   * A file of the caller's (not of the host under `--root` or `--mock`), of at most 16 MiB or that many bytes: '-' is
   * stdin.
   */
  readFile(path: string, maxBytes?: number): string
  /**
   * Aborted at the first SIGINT, SIGTERM or SIGHUP from now on, which then no longer ends the process: for what must be
   * taken back or told first. The second one ends it.
   */
  interruption(): AbortSignal
  /** Asks for yes or no, with no as the default; null if no terminal is there to ask. */
  confirm(question: string): Promise<boolean | null>
  /** Command that starts this program, by absolute paths: Node and the script, or the single executable. */
  readonly program: readonly string[]
  /** The process that started this one. */
  readonly caller: number
  /** Aborted once nobody reads what goes to stdout any more (`vfioctl watch | head`): for what would go on for ever. */
  readonly readerGone: AbortSignal
  /** Characters in a line of the terminal that shows stdout; null if none does. */
  width(): number | null
  /**
   * Shows a page of the manual by man(1), and resolves once it was read: false if there is no man to do so, or if
   * stdout is no terminal and `where` says that it must be one.
   */
  showPage(path: string, where: 'terminal' | 'anywhere'): Promise<boolean>
  readonly env: Readonly<Record<string, string | undefined>>
}
