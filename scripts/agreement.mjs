// npm run agreement [-- --all] [--reports FOLDER]: what `npm test` found of each contract test on the mock and on the real
// kernel of the same version, side by side. Prints a table of what differs or ran on one of them alone; with --all, of
// every test. Ends with 1 where something differs, or was not run. A machine of which `npm test` runs a part, or nothing,
// has a column of the tests that it ran. Then a table of all machines, with what ran there of each of VFIO's modes.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { machines, machineTable } from './agreement-machines.mjs'

const reports = join(dirname(import.meta.dirname), 'build/reports')

/** Path of vitest's report of a run of the contract tests. @param {string} kernel `mock-6.1`, `linux-6.1`… */
export function contractReport(kernel, folder = reports) {
  return join(folder, `contract-${kernel}.json`)
}

/** @typedef {import('./agreement-machines.mjs').Machine} Machine */
/** @typedef {import('./agreement-machines.mjs').Result} Result */
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
 * Each test's verdict for a machine; null, and why is told, where a report is missing.
 * @param {Machine} column
 * @param {string} folder
 * @returns {Map<string, Verdict> | null}
 */
function compare({ version, mocks, isWhole }, folder) {
  const reportOf = (/** @type {string} */ kernel) => resultsOf(contractReport(kernel, folder))
  const mockReports = mocks.map((it) => reportOf(`mock-${it}`)).filter((it) => it !== null)
  const linux = reportOf(`linux-${version}`)
  if (mockReports.length < mocks.length || linux === null) {
    console.log(
      `Linux ${version}: no report of ${linux === null ? 'the real kernel' : 'the mock'}; npm test makes both`,
    )
    return null
  }
  const onMock = (/** @type {string} */ test) => {
    const all = mockReports.map((it) => resultIn(it, test))
    return all.find((result) => result === 'pass' || result === 'fail') ?? all[0]
  }
  const ofMock = isWhole ? mockReports.flatMap(({ results }) => [...results.keys()]) : []
  const tests = [...ofMock, ...linux.results.keys()]
  const verdicts = new Map(tests.map((it) => [it, verdictOf(onMock(it), resultIn(linux, it))]))
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
  const hasRun = (/** @type {string} */ version) => existsSync(contractReport(`linux-${version}`, values.reports))
  const compared = machines.filter(({ version, isWhole }) => isWhole || hasRun(version))
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
  console.log('')
  for (const line of machineTable((it) => resultsOf(contractReport(`linux-${it}`, values.reports))?.results ?? null)) {
    console.log(line)
  }
  return columns.includes(null) || rows.some(({ cells }) => cells.includes('differ')) ? 1 : 0
}

if (process.argv[1] === import.meta.filename) process.exitCode = main()
