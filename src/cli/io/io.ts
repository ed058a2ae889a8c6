/** What a command is given of its process: where data and messages go. Tests give their own. */
export interface Io {
  /** Data, to stdout. */
  out(text: string | Uint8Array): void
  /** Messages for people, to stderr. */
  err(text: string): void
  /** Text in a colour or weight, plain where the stream is no terminal or NO_COLOR is set. */
  paint(stream: 'out' | 'err', style: Style, text: string): string
  /** A file of the caller's (not of the host under `--root` or `--mock`), of at most 16 MiB or that many bytes: '-' is stdin. */
  readFile(path: string, mostBytes?: number): string
  /**
   * Aborted at the first SIGINT or SIGTERM from now on, which then no longer ends the process: for what must be taken back
   * or told first. The second one ends it.
   */
  interruption(): AbortSignal
  /** How this program was started, by absolute paths: Node, then the script. */
  readonly program: readonly string[]
  /** The process that started this one. */
  readonly caller: number
  /** Aborted once nobody reads what goes to stdout any more (`vfioctl watch | head`): for what would go on for ever. */
  readonly readerGone: AbortSignal
  readonly env: Readonly<Record<string, string | undefined>>
}

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'
