// The macros of man(7) that the pages are written in.

/**
 * A page's first lines.
 * @param {{ name: string, number: number, summary: string, date: string, version: string }} page
 */
export function heading({ name, number, summary, date, version }) {
  // but for what is all capitals
  const what = summary.replace(/^[A-Z](?=[a-z])/, (it) => it.toLowerCase())
  const title = `.TH ${roff(name.toUpperCase())} ${number} "${date}" "vfioctl ${version}" "vfioctl"`
  return [title, ...section('NAME', folded(`${escapedText(name)} \\- ${escapedText(what)}`))]
}

/** @param {string} title @param {string[]} lines none for no section */
export function section(title, lines) {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines]
}

/** @param {string} title @param {string[]} lines */
export function subsection(title, lines) {
  return lines.length === 0 ? [] : [`.SS ${roff(title)}`, ...lines]
}

/**
 * A term in bold, and what it means, in paragraphs.
 * @param {string} term @param {string} meaning
 */
export function entry(term, meaning) {
  const [first, ...more] = blocks(meaning)
  return ['.TP', `.B ${roff(term)}`, ...inEntry(first), ...more.flatMap((it) => ['.IP', ...inEntry(it)])]
}

/** @param {string[]} pages such as 'vfioctl(1)' */
export function references(pages) {
  return pages.map((page, at) => {
    const [, name, number] = /^(.*)\((\d)\)$/.exec(page) ?? []
    return `.BR ${roff(name)} (${number})${at < pages.length - 1 ? ',' : ''}`
  })
}

/** Shown as it stands. @param {string} text */
export function code(text) {
  return ['.RS 4', ...example(text), '.RE']
}

/** Paragraphs; lines that are set in are shown as they are. @param {string} text */
export function paragraphs(text) {
  return blocks(text).flatMap((it, at) => (at === 0 ? shown(it) : ['.PP', ...shown(it)]))
}

/** Lines of one kind that follow one another: of prose, or set in. */
function blocks(text) {
  const found = []
  for (const line of text.split('\n')) {
    const kind = line === '' ? 'none' : line.startsWith(' ') ? 'example' : 'prose'
    const last = found.at(-1)
    if (last?.kind === kind) last.lines.push(line)
    else found.push({ kind, lines: [line] })
  }
  return found.filter(({ kind }) => kind !== 'none')
}

function inEntry({ kind, lines }) {
  return kind === 'prose' ? prose(lines.join('\n')) : example(lines.join('\n'))
}

function shown({ kind, lines }) {
  return kind === 'prose' ? prose(lines.join('\n')) : code(lines.join('\n'))
}

function example(text) {
  const lines = text.trimEnd().split('\n')
  const indent = Math.min(...lines.filter((it) => it !== '').map((it) => it.search(/\S/)))
  return ['.EX', ...lines.map((it) => roff(it.slice(indent))), '.EE']
}

/** A paragraph, in short lines; `words` between backticks are bold. @param {string} text */
export function prose(text) {
  const parts = text.replaceAll('\n', ' ').split(/`([^`]*)`/)
  const marked = parts.map((part, at) => (at % 2 === 0 ? escapedText(part) : `\\fB${escapedText(part)}\\fR`)).join('')
  return folded(marked)
}

/** In lines that a person can read in an editor, as mandoc wants them. @param {string} text escaped */
function folded(text) {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)
    if (line !== '' && line.length + 1 + word.length > 78) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines.map(notAMacro)
}

/** @param {string} text one line */
export function roff(text) {
  return notAMacro(escapedText(text.replaceAll('\n', ' ')))
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
  '^': '\\(ha',
  '~': '\\(ti',
}

/** @param {string} text */
function escapedText(text) {
  const line = text.replace(/[^\w ,;:()]/g, (it) => characters[it] ?? it)
  if (/[^ -~]/.test(line)) throw new Error(`man: no roff for '${line.match(/[^ -~]/)?.[0]}' in: ${text}`)
  return line
}

/** @param {string} line */
function notAMacro(line) {
  return /^[.']/.test(line) ? `\\&${line}` : line
}
