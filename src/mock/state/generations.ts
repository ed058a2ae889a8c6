import { linkSync, mkdirSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { VfioError } from '../../base/errors.ts'
import { failedWith } from '../../base/system-error.ts'
import { isRunning } from './live-process.ts'
import { newIdentity } from './worker-life.ts'

/** Generations left for readers that are slow to open what they listed. */
const kept = 16
/** More than the state of any host; a file is read whole, and what would not be read back is not written. */
const maxBytes = 256 * 1024 * 1024

/** One version of the state, as a file has it. */
export interface Generation {
  /** 0 if there is none yet. */
  readonly number: number
  readonly text: string
}

/**
 * A text that many processes replace without a lock: `state-N.json`, of which the highest N counts. The next one is
 * written aside and linked to its name, which only one process can do; the others see EEXIST, read again and retry. A
 * process that dies at whatever moment leaves the old text or the new one.
 */
export class Generations {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  path(number: number): string {
    return join(this.directory, `state-${number}.json`)
  }

  newest(): number {
    return this.#list().at(-1) ?? 0
  }

  read(): Generation {
    let missing = 0
    for (;;) {
      const number = this.newest()
      if (number === 0) return { number, text: '' }
      try {
        return { number, text: readState(this.path(number)) }
      } catch (error) {
        // Pruned since it was listed: there are newer ones. A link to nothing stays the newest.
        if (!failedWith(error, 'ENOENT') || number === missing) throw error
        missing = number
      }
    }
  }

  /**
   * Makes `text` the generation after `base`. 'taken': another process has been faster. 'overtaken': the name was free,
   * but newer generations are there and `base` is not. Either others went on from ours in no time, or we slept so long
   * that the name had been pruned; only what the newest one says of its history can tell. OUT_OF_RANGE for a text that
   * could not be read back: the old one stays.
   */
  commit(base: number, text: string): 'committed' | 'taken' | 'overtaken' {
    checkSize(text, this.directory)
    mkdirSync(this.directory, { recursive: true, mode: 0o700 })
    const temporary = join(this.directory, `.new-${process.pid}-${newIdentity()}`)
    try {
      writeFileSync(temporary, text, { flag: 'wx', mode: 0o600 })
      linkSync(temporary, this.path(base + 1))
    } catch (error) {
      if (failedWith(error, 'EEXIST')) return 'taken'
      throw error
    } finally {
      unlinkIfThere(temporary)
    }
    const generations = this.#list()
    if (generations.at(-1) !== base + 1 && !generations.includes(base)) return 'overtaken'
    this.#prune(generations)
    return 'committed'
  }

  /**
   * Oldest first: so whoever still sees a generation knows that no newer one has been pruned. What writers that died
   * left half-written goes too.
   */
  #prune(generations: readonly number[]): void {
    const newest = generations.at(-1) ?? 0
    for (const number of generations) if (number <= newest - kept) unlinkIfThere(this.path(number))
    for (const name of this.#names()) {
      const writer = /^\.new-(\d{1,9})-/.exec(name)?.[1]
      if (writer !== undefined && !isRunning(Number(writer))) unlinkIfThere(join(this.directory, name))
    }
  }

  #names(): string[] {
    try {
      return readdirSync(this.directory)
    } catch (error) {
      if (failedWith(error, 'ENOENT')) return []
      throw error
    }
  }

  #list(): number[] {
    return this.#names()
      .flatMap((name) => /^state-([1-9]\d{0,14})\.json$/.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b)
  }
}

function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path)
  } catch (error) {
    if (!failedWith(error, 'ENOENT')) throw error
  }
}

/** A pipe would be waited for, and what is too large would fill the memory. */
function readState(path: string): string {
  const about = statSync(path)
  if (about.isFile() && about.size <= maxBytes) return readFileSync(path, 'utf8')
  const what = about.isFile() ? `it has ${about.size} bytes` : 'it is not a file'
  throw new VfioError('INVALID_DEFINITION', `${path} is not a state of a mock kernel: ${what}`, {
    path,
    hint: 'vfioctl mock reset',
  })
}

/** Most are far from it: the bytes are counted only if it could be too long. */
function checkSize(text: string, directory: string): void {
  const bytes = 3 * text.length > maxBytes ? Buffer.byteLength(text) : 0
  if (bytes <= maxBytes) return
  throw new VfioError(
    'OUT_OF_RANGE',
    `cannot keep the mock's state in ${directory}: it would have ${bytes} bytes, and more than ${maxBytes} are not read back`,
    { path: directory, hint: 'vfioctl mock reset' },
  )
}
