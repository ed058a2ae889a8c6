// vfioctl(1) and a page for each command, from the tables that --help reads.
import { entry, paragraphs, prose, references, roff, section } from './roff.mjs'

/** The pages by their commands' names. @param {Record<string, any>} tables */
export async function commandPages({ commands, globalArguments, verbose }) {
  const globals = globalOptions({ globalArguments, verbose })
  const pages = Object.entries(commands).map(async ([name, { summary, load }]) => {
    const { default: command } = await load()
    const own = Object.entries(command.arguments)
    const words = own.filter(([, it]) => it.kind !== 'option' && it.kind !== 'flag')
    const options = own.filter(([, it]) => it.kind === 'option' || it.kind === 'flag')
    const usesSpec = name === 'plan' || name === 'apply'
    const body = [
      section('SYNOPSIS', [`.B vfioctl ${roff(name)}`, [...words.map(shownWord), '[\\fIoptions\\fR]'].join(' ')]),
      section(
        'ARGUMENTS',
        words.flatMap(([word, it]) => ['.TP', `\\fI${roff(word)}\\fR`, ...prose(it.describe)]),
      ),
      section('OPTIONS', options.flatMap(option)),
      globals,
      section(
        'EXAMPLES',
        command.examples.flatMap(([line, what]) => entry(line, what)),
      ),
      section('NOTES', command.epilogue === undefined ? [] : paragraphs(command.epilogue)),
      section('EXIT STATUS', ['As of', '.BR vfioctl (1).']),
      section('SEE ALSO', references(['vfioctl(1)', ...(usesSpec ? ['vfioctl-spec(5)'] : [])])),
    ]
    return { name: `vfioctl-${name}`, number: 1, summary, body }
  })
  return Promise.all(pages)
}

/** @param {Record<string, any>} tables */
export function programPage({ commands, globalArguments, verbose, exitMeanings, environmentMeanings }) {
  const pages = Object.entries(commands).flatMap(([name, { summary }]) => [
    ...['.TP', `.BR vfioctl\\-${roff(name)} (1)`],
    ...prose(summary),
  ])
  const statuses = Object.entries(exitMeanings).flatMap(([status, meaning]) => entry(status, meaning))
  const variables = Object.entries(environmentMeanings).flatMap(([name, meaning]) => entry(name, meaning))
  const body = [
    section('SYNOPSIS', ['.B vfioctl', '\\fICOMMAND\\fR [\\fIargument\\fR ...] [\\fIoptions\\fR]']),
    section('COMMANDS', pages),
    globalOptions({ globalArguments, verbose }),
    section('EXIT STATUS', statuses),
    section('ENVIRONMENT', variables),
    section('SEE ALSO', references(['vfioctl-spec(5)', 'vfioctl-library(7)', 'mdevctl(8)'])),
  ]
  return { name: 'vfioctl', number: 1, summary: 'Mediated devices and VFIO on Linux', body }
}

function globalOptions({ globalArguments, verbose }) {
  return section('GLOBAL OPTIONS', Object.entries({ ...globalArguments, verbose }).flatMap(option))
}

function option([name, { alias, value, describe }]) {
  const short = alias === undefined ? '' : `\\fB\\-${alias}\\fR, `
  const taken = value === undefined ? '' : ` \\fI${roff(value)}\\fR`
  return ['.TP', `${short}\\fB\\-\\-${roff(name)}\\fR${taken}`, ...prose(describe)]
}

function shownWord([name, { kind }]) {
  const word = `\\fI${roff(name)}\\fR`
  if (kind === 'required') return word
  return kind === 'rest' ? `[${word} ...]` : `[${word}]`
}
