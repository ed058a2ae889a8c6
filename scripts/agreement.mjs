// npm run agreement [-- --all]: what `npm test` found of each contract test on the mock and on the real kernel of the same
// version, side by side. Prints what differs or ran on one of them alone; with --all, every test.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { parseArgs } from 'node:util'

const root = dirname(import.meta.dirname)
const versions = ['6.1', '6.12', '7', '7-noiommu']

/** Where a run of the contract tests leaves vitest's report. @param {string} kernel `mock-6.1`, `linux-6.1`… */
export function contractReport(kernel) {
  return join(root, 'build/reports', `contract-${kernel}.json`)
}

/** @typedef {'pass' | 'fail' | 'skip' | 'absent'} Result */

/** The contract tests of one report by file and name; null where there is no report. @param {string} kernel */
function resultsOf(kernel) {
  const file = contractReport(kernel)
  if (!existsSync(file)) return null
  /** @type {Map<string, Result>} */
  const results = new Map()
  for (const { name, assertionResults } of JSON.parse(readFileSync(file, 'utf8')).testResults) {
    const path = name.slice(name.lastIndexOf('/test/') + 1)
    if (!path.startsWith('test/contract/')) continue
    for (const { fullName, status } of assertionResults) {
      const result = status === 'passed' ? 'pass' : status === 'failed' ? 'fail' : 'skip'
      results.set(`${relative('test/contract', path).replace('.test.ts', '')}: ${fullName}`, result)
    }
  }
  return results
}

/** @param {Result} mock @param {Result} linux */
function verdictOf(mock, linux) {
  const ran = [mock, linux].filter((it) => it === 'pass' || it === 'fail')
  if (ran.length === 0) return 'neither'
  if (ran.length === 1) return mock === 'pass' || mock === 'fail' ? 'mock only' : 'real only'
  return mock === linux ? 'agree' : 'differ'
}

function main() {
  const { values } = parseArgs({ options: { all: { type: 'boolean', default: false } } })
  let differing = 0
  for (const version of versions) {
    const [mock, linux] = [resultsOf(`mock-${version}`), resultsOf(`linux-${version}`)]
    if (mock === null || linux === null) {
      console.log(
        `Linux ${version}: no report of ${mock === null ? 'the mock' : 'the real kernel'}; npm test makes both`,
      )
      differing += 1
      continue
    }
    /** @type {Record<string, string[]>} */
    const rows = { agree: [], differ: [], 'mock only': [], 'real only': [], neither: [] }
    for (const name of [...new Set([...mock.keys(), ...linux.keys()])].sort()) {
      rows[verdictOf(mock.get(name) ?? 'absent', linux.get(name) ?? 'absent')].push(name)
    }
    differing += rows.differ.length
    const counts = Object.entries(rows).map(([verdict, names]) => `${names.length} ${verdict}`)
    console.log(`Linux ${version}: ${counts.join(', ')}`)
    for (const [verdict, names] of Object.entries(rows)) {
      if (values.all || verdict === 'differ' || verdict.endsWith('only')) {
        for (const name of names) console.log(`  ${verdict.padEnd(9)}  ${name}`)
      }
    }
  }
  return differing === 0 ? 0 : 1
}

if (process.argv[1] === import.meta.filename) process.exitCode = main()
