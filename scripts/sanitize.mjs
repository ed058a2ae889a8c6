// `npm run sanitize`: the native tests against an addon with AddressSanitizer, UndefinedBehaviorSanitizer and
// LeakSanitizer in it. Fails on any report. The ordinary build stays as it is.
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { runNodeGyp } from './build-addon.mjs'

const root = dirname(import.meta.dirname)
const folder = join(root, 'build/Sanitize')

// node-gyp writes to build/ of where it runs: it runs in a folder that has the same sources.
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
for (const name of ['binding.gyp', 'native', 'node_modules', 'package.json']) {
  symlinkSync(join(root, name), join(folder, name))
}
runNodeGyp(folder, ['--werror=1', '--sanitize=1'])
const addon = join(folder, 'build/Release/vfioctl.node')

// A flag that gyp did not take would make every run clean.
const symbols = execFileSync('nm', ['-D', addon], { encoding: 'utf8' })
for (const symbol of ['__asan_', '__ubsan_']) {
  if (!symbols.includes(symbol)) throw new Error(`${addon} was built without ${symbol}: the sanitizer is not in it`)
}

const reports = mkdtempSync(join(tmpdir(), 'vfioctl-sanitize-'))
// vitest's own bundler is an addon too, and is in no hurry to free its references.
const suppressions = join(folder, 'suppressions')
writeFileSync(suppressions, 'leak:rolldown-binding\n')
const library = execFileSync('g++', ['-print-file-name=libasan.so'], { encoding: 'utf8' }).trim()
const tests = spawnSync(
  process.execPath,
  [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--config', 'test/vitest.config.ts', '--project', 'native'],
  {
    cwd: root,
    stdio: 'inherit',
    env: {
      ...process.env,
      VFIOCTL_ADDON: addon,
      LD_PRELOAD: library,
      // A small quarantine: the growth test measures what is held, and freed memory is held there.
      ASAN_OPTIONS: `detect_leaks=1:quarantine_size_mb=8:log_path=${join(reports, 'report')}`,
      LSAN_OPTIONS: `suppressions=${suppressions}:print_suppressions=0`,
      UBSAN_OPTIONS: `print_stacktrace=1:log_path=${join(reports, 'report')}`,
    },
  },
)
const found = readdirSync(reports)
for (const name of found) console.error(readFileSync(join(reports, name), 'utf8'))
rmSync(reports, { recursive: true })
if (tests.status !== 0 || found.length > 0) {
  console.error(`sanitize: ${found.length} report(s), tests ended with ${tests.status ?? tests.signal}`)
  process.exitCode = 1
} else {
  console.log('sanitize: no report')
}
