import { printable } from '../../base/units.ts'
import { type RequiredPositional, usageError } from '../command.ts'

/** What a command of several deeds is to do; `does` has each with what it means. */
export function action<T extends string>(command: string, does: Readonly<Record<T, string>>): RequiredPositional<T> {
  const words = Object.keys(does)
  const isWord = (given: string): given is T => Object.hasOwn(does, given)
  return {
    kind: 'required',
    completes: words,
    parse: (given) => {
      if (isWord(given)) return given
      const list = `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`
      throw usageError(`${command} can ${list}, not '${printable(given)}'`, `vfioctl ${command} --help`)
    },
    describe: Object.entries(does)
      .map(([word, what]) => `${word}: ${what}`)
      .join('; '),
  }
}
