// node scripts/man.mjs DIRECTORY: the manual. vfioctl(1) and a page for each command come from the tables that --help reads,
// vfioctl-spec(5) from the schema of spec files, vfioctl-library(7) from the docstrings of what the package exports.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { loadSources } from './load-sources.mjs'
import { commandPages, programPage } from './man/command-pages.mjs'
import { libraryPage } from './man/library-page.mjs'
import { heading } from './man/roff.mjs'
import { specPage } from './man/spec-page.mjs'

const root = dirname(import.meta.dirname)
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const sources = [
  ...['cli/command/commands', 'cli/arguments/global-options', 'cli/command/exit-codes', 'cli/command/environment'],
  ...['lifecycle/spec/spec-schema', 'cli/output/spec-examples'],
]

/** Writes the pages into a folder. @param {string} folder */
export async function writeManual(folder) {
  const tables = await loadSources(sources)
  mkdirSync(folder, { recursive: true })
  const date = lastChange()
  for (const page of [programPage(tables), ...(await commandPages(tables)), specPage(tables), libraryPage()]) {
    const lines = [heading({ ...page, date, version }), ...page.body].flat(2)
    writeFileSync(join(folder, `${page.name}.${page.number}`), `${lines.join('\n')}\n`)
  }
}

/** The day of the last commit; without git, this day. */
function lastChange() {
  const { stdout } = spawnSync('git', ['log', '-1', '--format=%cs'], { cwd: root, encoding: 'utf8' })
  return stdout?.trim() || new Date().toISOString().slice(0, 10)
}

if (process.argv[1] === import.meta.filename) await writeManual(resolve(process.argv[2]))
