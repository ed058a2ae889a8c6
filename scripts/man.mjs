// node scripts/man.mjs DIRECTORY: the manual, vfioctl(1) and a page for each command, from the tables that --help reads.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { rolldown } from 'rolldown'

const root = dirname(import.meta.dirname)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Writes the pages into a folder. @param {string} folder */
export async function writeManual(folder) {
  const { commands, globalArguments, verbose, exitMeanings } = await loadTables()
  mkdirSync(folder, { recursive: true })
  const write = (name, ...parts) => writeFileSync(join(folder, `${name}.1`), `${parts.flat().join('\n')}\n`)
  const globals = section('GLOBAL OPTIONS', Object.entries({ ...globalArguments, verbose }).flatMap(option))
  for (const [name, { summary, load }] of Object.entries(commands)) {
    const { default: command } = await load()
    const own = Object.entries(command.arguments)
    const words = own.filter(([, it]) => it.kind !== 'option' && it.kind !== 'flag')
    const options = own.filter(([, it]) => it.kind === 'option' || it.kind === 'flag')
    const examples = command.examples.flatMap(([line, what]) => ['.TP', `.B ${roff(line)}`, roff(what)])
    write(
      `vfioctl-${name}`,
      heading(`vfioctl-${name}`, summary),
      section('SYNOPSIS', [`.B vfioctl ${roff(name)}`, [...words.map(shownWord), '[\\fIoptions\\fR]'].join(' ')]),
      section(
        'ARGUMENTS',
        words.flatMap(([word, it]) => ['.TP', `\\fI${roff(word)}\\fR`, roff(it.describe)]),
      ),
      section('OPTIONS', options.flatMap(option)),
      globals,
      section('EXAMPLES', examples),
      section('NOTES', command.epilogue === undefined ? [] : paragraphs(command.epilogue)),
      section('EXIT STATUS', ['As of', '.BR vfioctl (1).']),
      section('SEE ALSO', ['.BR vfioctl (1)']),
    )
  }
  const pages = Object.entries(commands).flatMap(([name, { summary }]) => [
    ...['.TP', `.BR vfioctl\\-${roff(name)} (1)`],
    roff(summary),
  ])
  const statuses = Object.entries(exitMeanings).flatMap(([status, meaning]) => ['.TP', `.B ${status}`, roff(meaning)])
  write(
    'vfioctl',
    heading('vfioctl', 'Mediated devices and VFIO on Linux'),
    section('SYNOPSIS', ['.B vfioctl', '\\fICOMMAND\\fR [\\fIargument\\fR ...] [\\fIoptions\\fR]']),
    section('COMMANDS', pages),
    globals,
    section('EXIT STATUS', statuses),
    section('SEE ALSO', ['.BR mdevctl (8)']),
  )
}

/** The command line's own tables, which are TypeScript. */
async function loadTables() {
  mkdirSync(join(root, 'build'), { recursive: true })
  const folder = mkdtempSync(join(root, 'build/manual-'))
  try {
    const sources = ['command/commands', 'arguments/global-options', 'command/exit-codes'].map((it) =>
      join(root, `src/cli/${it}.ts`),
    )
    const bundle = await rolldown({ input: sources, platform: 'node', tsconfig: false, external: ['ffi-rs'] })
    const { output } = await bundle.write({ dir: folder, format: 'esm', entryFileNames: '[name].mjs' })
    await bundle.close()
    const entries = output.filter((it) => it.type === 'chunk' && it.isEntry)
    const tables = await Promise.all(entries.map((it) => import(pathToFileURL(join(folder, it.fileName)).href)))
    const merged = Object.assign({}, ...tables)
    // each command is a file of its own, and loaded when it is asked for
    await Promise.all(Object.values(merged.commands).map(({ load }) => load()))
    return merged
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

function heading(name, summary) {
  const what = summary.charAt(0).toLowerCase() + summary.slice(1)
  const title = `.TH ${roff(name.toUpperCase())} 1 "" "vfioctl ${version}" "vfioctl"`
  return [title, ...section('NAME', [`${roff(name)} \\- ${roff(what)}`])]
}

/** @param {string} title @param {string[]} lines none for no section */
function section(title, lines) {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines]
}

function option([name, { alias, value, describe }]) {
  const short = alias === undefined ? '' : `\\fB\\-${alias}\\fR, `
  const taken = value === undefined ? '' : ` \\fI${roff(value)}\\fR`
  return ['.TP', `${short}\\fB\\-\\-${roff(name)}\\fR${taken}`, roff(describe)]
}

function shownWord([name, { kind }]) {
  const word = `\\fI${roff(name)}\\fR`
  if (kind === 'required') return word
  return kind === 'rest' ? `[${word} ...]` : `[${word}]`
}

/** Lines that are set in are shown as they are. @param {string} text */
function paragraphs(text) {
  return text
    .split('\n')
    .flatMap((line) =>
      line.startsWith(' ') ? ['.RS 4', roff(line.trim()), '.RE'] : line === '' ? ['.PP'] : [roff(line)],
    )
}

const characters = {
  '\\': '\\e',
  '-': '\\-',
  '’': '\\(cq',
  '“': '\\(lq',
  '”': '\\(rq',
  '…': '...',
  '"': '\\(dq',
  "'": '\\(aq',
  '`': '\\(ga',
}

/** @param {string} text */
function roff(text) {
  const line = text.replace(/[^\w ,;:()]/g, (it) => characters[it] ?? it).replaceAll('\n', ' ')
  if (/[^ -~]/.test(line)) throw new Error(`man: no roff for '${line.match(/[^ -~]/)?.[0]}' in: ${text}`)
  return /^[.']/.test(line) ? `\\&${line}` : line
}

if (process.argv[1] === import.meta.filename) await writeManual(resolve(process.argv[2]))
