// npm run agreement [-- --all] [--reports FOLDER]: what `npm test` found of each contract test on the mock and on the real
// kernel of the same version, side by side. Prints a table of what differs or ran on one of them alone; with --all, of
// every test. Ends with 1 where something differs, or was not run. A kernel of another processor, of which `npm test` runs
// a part, has a column of the tests that it ran.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'

const reports = join(dirname(import.meta.dirname), 'build/reports')
const own = ['6.1', '6.12', '7', '7-noiommu'].map((version) => ({ version, mock: version, isForeign: false }))
/** Of other processors, each with the mock that has its version and its pages. */
const foreign = [
  { version: 'arm64-6.12', mock: '6.12', isForeign: true },
  { version: 'arm64-6.12-16k', mock: '6.12-16k', isForeign: true },
]

/** Path of vitest's report of a run of the contract tests. @param {string} kernel `mock-6.1`, `linux-6.1`… */
export function contractReport(kernel, folder = reports) {
  return join(folder, `contract-${kernel}.json`)
}

/** @typedef {'pass' | 'fail' | 'skip'} Result */
/** @typedef {'agree' | 'differ' | 'mock only' | 'real only' | 'neither'} Verdict */

/**
 * The contract tests of one report by file and name, and the files that could not be loaded, of which all tests have
 * failed; null where there is no report.
 * @param {string} file
 * @returns {{ results: Map<string, Result>, broken: Set<string> } | null}
 */
function resultsOf(file) {
  if (!existsSync(file)) return null
  /** @type {Map<string, Result>} */
  const results = new Map()
  const broken = new Set()
  const marker = '/test/contract/'
  for (const { name, status: ofFile, assertionResults } of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    const at = name.indexOf(marker)
    if (at < 0) continue
    const tests = name.slice(at + marker.length).replace(/\.test\.(ts|mjs)$/, '')
    if (ofFile === 'failed' && assertionResults.length === 0) broken.add(tests)
    for (const { fullName, status } of assertionResults) {
      const result = status === 'passed' ? 'pass' : status === 'failed' ? 'fail' : 'skip'
      results.set(`${tests}: ${fullName}`, result)
    }
  }
  return { results, broken }
}

/**
 * @param {{ results: Map<string, Result>, broken: Set<string> }} report
 * @param {string} test
 */
function resultIn({ results, broken }, test) {
  return results.get(test) ?? (broken.has(test.slice(0, test.indexOf(': '))) ? 'fail' : undefined)
}

/**
 * @param {Result | undefined} mock
 * @param {Result | undefined} linux
 * @returns {Verdict}
 */
function verdictOf(mock, linux) {
  const [onMock, onLinux] = [mock, linux].map((it) => it === 'pass' || it === 'fail')
  if (onMock && onLinux) return mock === linux ? 'agree' : 'differ'
  return onMock ? 'mock only' : onLinux ? 'real only' : 'neither'
}

/**
 * Each test's verdict for a version; null, and why is told, where a report is missing.
 * @param {typeof own[number]} column
 * @param {string} folder
 * @returns {Map<string, Verdict> | null}
 */
function compare({ version, mock: itsMock, isForeign }, folder) {
  const [mock, linux] = [`mock-${itsMock}`, `linux-${version}`].map((it) => resultsOf(contractReport(it, folder)))
  if (mock === null || linux === null) {
    console.log(`Linux ${version}: no report of ${mock === null ? 'the mock' : 'the real kernel'}; npm test makes both`)
    return null
  }
  const tests = [...(isForeign ? [] : mock.results.keys()), ...linux.results.keys()]
  const verdicts = new Map(tests.map((it) => [it, verdictOf(resultIn(mock, it), resultIn(linux, it))]))
  /** @type {Record<Verdict, number>} */
  const counts = { agree: 0, differ: 0, 'mock only': 0, 'real only': 0, neither: 0 }
  for (const verdict of verdicts.values()) counts[verdict] += 1
  const told = Object.entries(counts).map(([verdict, count]) => `${count} ${verdict}`)
  console.log(`Linux ${version}: ${told.join(', ')}`)
  return verdicts
}

function main() {
  const { values } = parseArgs({
    options: { all: { type: 'boolean', default: false }, reports: { type: 'string', default: reports } },
  })
  const ran = foreign.filter(({ version }) => existsSync(contractReport(`linux-${version}`, values.reports)))
  const compared = [...own, ...ran]
  const columns = compared.map((column) => compare(column, values.reports))
  const names = [...new Set(columns.flatMap((column) => [...(column?.keys() ?? [])]))].sort()
  const rows = names.map((name) => ({ name, cells: columns.map((column) => column?.get(name) ?? '-') }))
  const isNoteworthy = ({ cells }) => ['differ', 'mock only', 'real only'].some((verdict) => cells.includes(verdict))
  const shown = values.all ? rows : rows.filter(isNoteworthy)
  if (shown.length > 0) {
    console.log('')
    const headings = compared.map(({ version }) => version)
    const widths = headings.map((it) => Math.max(it.length, 'mock only'.length))
    for (const { name, cells } of [{ name: 'test', cells: headings }, ...shown]) {
      console.log(`${cells.map((cell, at) => cell.padEnd(widths[at])).join('  ')}  ${name}`)
    }
  }
  return columns.includes(null) || rows.some(({ cells }) => cells.includes('differ')) ? 1 : 0
}

if (process.argv[1] === import.meta.filename) process.exitCode = main()
