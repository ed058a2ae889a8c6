import { printable } from '../../base/units.ts'
import { type ArgumentTable, type Flag, type Option, usageError } from '../command/command.ts'
import { type Column, table } from './output.ts'

/** Forms of the output of a command that shows a table. */
const forms = {
  name: 'names alone, one a line',
  wide: 'more columns',
  json: 'as --json does',
} as const

type Form = keyof typeof forms

/** The arguments by which the output of a table is chosen, in every command that shows one. */
interface TableArguments extends ArgumentTable {
  readonly columns: Option<readonly string[]>
  readonly format: Option<Form>
  readonly quiet: Flag
  readonly 'no-headers': Flag
}

/** Values of those arguments. */
export interface TableChoice {
  /** Headings, in the order that was asked for. */
  readonly columns: readonly string[] | undefined
  readonly format: Form | undefined
  readonly quiet: boolean
  readonly 'no-headers': boolean
}

/** Those arguments, for a table of these columns. */
export function tableArguments(columns: readonly Pick<Column<never>, 'heading'>[]): TableArguments {
  const headings = columns.map(({ heading }) => heading)
  return {
    columns: {
      kind: 'option',
      value: 'A,B,…',
      completes: headings.map(columnName),
      parse: (given) => given.split(',').map((one) => headingOf(one, headings)),
      describe: `only these columns, in this order: ${headings.map(columnName).join(', ')}`,
    },
    format: {
      kind: 'option',
      alias: 'o',
      value: 'FORM',
      completes: Object.keys(forms),
      parse: formOf,
      describe: Object.entries(forms)
        .map(([form, what]) => `${form}: ${what}`)
        .join('; '),
    },
    quiet: { kind: 'flag', alias: 'q', describe: 'Print names alone, one a line: short for -o name' },
    'no-headers': { kind: 'flag', describe: 'Leave out the line of headings' },
  }
}

/** 'used-by' of 'USED BY': its name in a command line. */
function columnName(heading: string): string {
  return heading.toLowerCase().replaceAll(' ', '-')
}

function headingOf(given: string, headings: readonly string[]): string {
  const found = headings.find((heading) => columnName(heading) === columnName(given.trim()))
  if (found !== undefined) return found
  throw usageError(`there is no column '${printable(given)}'`, `columns are ${headings.map(columnName).join(', ')}`)
}

function formOf(given: string): Form {
  if (isForm(given)) return given
  throw usageError(`-o is one of ${Object.keys(forms).join(', ')}, not '${printable(given)}'`)
}

function isForm(text: string): text is Form {
  return Object.hasOwn(forms, text)
}

/** INVALID_ARGUMENT for choices that exclude each other, or if `isJson` and something but JSON is chosen. */
export function checkChoice({ columns, format, quiet }: TableChoice, isJson: boolean): void {
  const [first, second] = [
    ...(isJson ? [format === 'json' ? '-o json' : '--json'] : []),
    ...(format === undefined || format === 'json' ? [] : [`-o ${format}`]),
    ...(quiet && format !== 'name' ? ['-q'] : []),
    ...(columns === undefined ? [] : ['--columns']),
  ]
  if (first !== undefined && second !== undefined) throw usageError(`${first} and ${second} exclude each other`)
}

/** INVALID_ARGUMENT if the output of a table is chosen where `what` shows none, or one of its own. */
export function checkNoChoice(choice: TableChoice, what: string): void {
  const { columns, format, quiet, 'no-headers': isBare } = choice
  const isChosen = columns !== undefined || (format !== undefined && format !== 'json') || quiet || isBare
  if (isChosen) throw usageError(`--columns, -o, -q and --no-headers are not for ${what}, except -o json`)
}

/** True if names alone are asked for. */
export function asksNames({ format, quiet }: TableChoice): boolean {
  return quiet || format === 'name'
}

/**
 * The table as it was chosen. Names alone are the cells of the column `name`, each once. Columns that were asked for
 * stay if they are empty.
 */
export function chosenTable<T>(
  rows: readonly T[],
  columns: readonly Column<T>[],
  choice: TableChoice,
  name: string,
  below?: (row: T) => string[],
): string {
  if (asksNames(choice)) {
    const names = rows.map((row) => String(columns.find(({ heading }) => heading === name)?.cell(row) ?? ''))
    return [...new Set(names)].map((it) => `${it}\n`).join('')
  }
  const asked = choice.columns?.flatMap((heading) => columns.filter((column) => column.heading === heading))
  const shown = asked ?? columns.filter(({ isWide }) => isWide !== true || choice.format === 'wide')
  return table(rows, shown, {
    hasHeadings: !choice['no-headers'],
    keepsEmpty: asked !== undefined,
    ...(below === undefined ? {} : { below }),
  })
}
