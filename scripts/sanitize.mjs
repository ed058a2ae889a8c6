// `npm run sanitize`: the native tests against an addon with AddressSanitizer, UndefinedBehaviorSanitizer and
// LeakSanitizer in it; `npm run sanitize -- ioctl` for one file. Fails on any report. The ordinary build stays as it is.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { buildAddonIn } from './build-addon.mjs'

const root = dirname(import.meta.dirname)
const folder = join(root, 'build/Sanitize')

const addon = build()
const { failed, reports } = test()
for (const report of reports) console.error(report)
if (failed || reports.length > 0) {
  console.error(`sanitize: ${reports.length} report(s)${failed ? ', and tests failed' : ''}`)
  process.exitCode = 1
} else {
  console.log('sanitize: no report')
}

function build() {
  const built = buildAddonIn(folder, ['--sanitize=1'])
  // A flag that gyp did not take would make every run clean.
  const symbols = execFileSync('nm', ['-D', built], { encoding: 'utf8' })
  for (const symbol of ['__asan_', '__ubsan_']) {
    if (!symbols.includes(symbol)) throw new Error(`${built} was built without ${symbol}: the sanitizer is not in it`)
  }
  return built
}

function test() {
  const logs = mkdtempSync(join(tmpdir(), 'vfioctl-sanitize-'))
  const library = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const args = [vitest, 'run', '--config', 'test/vitest.config.ts', '--project', 'native', ...process.argv.slice(2)]
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      VFIOCTL_ADDON: addon,
      LD_PRELOAD: library,
      // A small quarantine: the growth test measures what is held, and freed memory is held there.
      ASAN_OPTIONS: `quarantine_size_mb=8:log_path=${join(logs, 'report')}`,
      UBSAN_OPTIONS: `print_stacktrace=1:log_path=${join(logs, 'report')}`,
      // Leaks are judged from the reports: Node and vitest's bundler have some of their own at exit.
      LSAN_OPTIONS: 'exitcode=0',
      NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'sanitize-exit.mjs'))}`,
    },
  })
  const texts = readdirSync(logs).map((name) => readFileSync(join(logs, name), 'utf8'))
  rmSync(logs, { recursive: true })
  return { failed: status !== 0, reports: texts.flatMap(ours) }
}

/** Errors whole; of leaks those that the addon made, by itself or through Node-API. */
function ours(text) {
  if (!text.includes('LeakSanitizer: detected memory leaks')) return [text]
  return text.split('\n\n').filter((record) => {
    const [callee, caller] = record.split(/vfioctl\.node|\/native\//, 2)
    // V8 keeps its heap's books where LeakSanitizer does not look, and may open a page in any call of ours.
    return record.includes('leak of') && caller !== undefined && !callee.includes('v8::internal::')
  })
}
