import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { globalArguments } from '../../../src/cli/arguments/global-options.ts'
import type { Argument, ArgumentTable, Command } from '../../../src/cli/command/command.ts'
import { commands } from '../../../src/cli/command/commands.ts'

const source = join(import.meta.dirname, '../../../src')
/** Text in the place of a template's holes, which are names and numbers. */
const hole = 'HOLE'
/** Of the program itself, not a command: 'vfioctl is installed'; its manual; and what it is called as. */
const notCommands = new Set(['at', 'help', 'is', 'mdevctl', 'writes'])
/** These ask for a device, by position or by -u, although the tables leave either out. */
const needDevice = new Set(['modify', 'stop', 'undefine'])
/** Names of a region and a register. */
const names = new Set(['all', 'command', 'config'])

interface Said {
  readonly where: string
  /** The words after `vfioctl`, up to the end of the command. */
  readonly words: readonly string[]
}

/** Every command line of ours that a text of src names: in hints, messages, help and scripts. */
function commandLines(): Said[] {
  return readdirSync(source, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .flatMap((file) => {
      const text = readFileSync(join(source, file), 'utf8')
      if (!text.includes('vfioctl ')) return []
      return texts(ts.createSourceFile(file, text, ts.ScriptTarget.ES2023)).flatMap((it) => {
        return [
          ...it.matchAll(/(?<![-\w./])vfioctl (?!mock state \d)(?<line>[a-z$H](?:[^\n;,|)`:>]|:(?=[0-9a-f]))*)/g),
        ].map(({ groups }) => {
          return { where: `${file}: vfioctl ${groups?.['line']}`, words: (groups?.['line'] ?? '').trim().split(/ +/) }
        })
      })
    })
}

function texts(file: ts.SourceFile): string[] {
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) return
    if (ts.isStringLiteral(node) || ts.isNoSubstitutionTemplateLiteral(node)) found.push(node.text)
    if (ts.isTemplateExpression(node)) {
      found.push(node.head.text + node.templateSpans.map(({ literal }) => `${hole}${literal.text}`).join(''))
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return found
}

/** The fault of a command line; null if it has none. A word of prose ends it: names are in capitals or have digits. */
function faultOf(words: readonly string[], own: ArgumentTable): string | null {
  const table: ArgumentTable = { ...own, ...globalArguments }
  const positionals = Object.values(own).filter(({ kind }) => ['required', 'optional', 'rest'].includes(kind))
  const rest = [...words]
  let at = 0
  // the command itself is named, not a line
  if (words.length === 0) return null
  for (let word = rest.shift(); word !== undefined; word = rest.shift()) {
    if (word === '…') return null
    if (word === '--help' || word === '-h' || word === '-v') return null
    if (word.startsWith('-')) {
      const option = optionOf(table, word)
      if (option === undefined) return `no option ${word}`
      if (option.kind === 'option' && option !== table['mock'] && !word.includes('=') && rest.shift() === undefined)
        return `${word} takes a value`
    } else {
      const positional = positionals[at]
      if (positional === undefined) return isProse(word) ? null : `${word} is one word too many`
      const isChoice =
        'completes' in positional && Array.isArray(positional.completes) && positional.completes.includes(word)
      if (isProse(word) && !isChoice) return missing(positionals.slice(at))
      if (positional.kind !== 'rest') at++
    }
  }
  return missing(positionals.slice(at))
}

/** The words that are the command's own: those after `--` are another program's. */
function own(words: readonly string[], { program }: Command): readonly string[] {
  const end = program === undefined ? -1 : words.indexOf('--')
  return end === -1 ? words : words.slice(0, end)
}

function optionOf(table: ArgumentTable, word: string): Argument | undefined {
  const [name = ''] = word.replace(/^--?/, '').split('=')
  if (word.startsWith('--')) return Object.hasOwn(table, name) && isOption(table[name]) ? table[name] : undefined
  return Object.values(table).find((argument) => 'alias' in argument && argument.alias === name)
}

/** Not a positional, which help shows without a dash. */
function isOption(argument: Argument | undefined): boolean {
  return argument?.kind === 'option' || argument?.kind === 'flag'
}

function isProse(word: string): boolean {
  return /^[a-z’'(]+$/.test(word) && !names.has(word)
}

function missing(positionals: readonly Argument[]): string | null {
  return positionals.some(({ kind }) => kind === 'required') ? 'a word is missing' : null
}

test('each command line that a message names can be typed', async () => {
  const said = commandLines()
  expect(said.length).toBeGreaterThan(150)
  const faults: string[] = []
  for (const { where, words } of said) {
    const [verb = '', ...rest] = words
    if (verb.startsWith(hole) || notCommands.has(verb)) continue
    const entry = Object.hasOwn(commands, verb) ? commands[verb] : undefined
    const lacksDevice = needDevice.has(verb) && rest[0]?.startsWith('-') === true && !rest.includes('-u')
    const fault =
      entry === undefined
        ? `no command ${verb}`
        : lacksDevice
          ? 'no device is named'
          : faultOf(own(rest, (await entry.load()).default), (await entry.load()).default.arguments)
    if (fault !== null) faults.push(`${where}  ← ${fault}`)
  }
  expect(faults).toEqual([])
})
