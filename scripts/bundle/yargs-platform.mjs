// The platform that yargs asks for, for the bundle. Its own module for Node reads a locale file and looks for a
// package.json at each start, and loads Node modules and terminal layout that only help needs.
import { basename, dirname, extname, join, relative, resolve } from 'node:path'
import Parser from 'yargs-parser'

function equal(actual, expected) {
  if (actual !== expected) throw new Error(`yargs: ${String(actual)} is not ${String(expected)}`)
}

function different(actual, expected) {
  if (actual === expected) throw new Error(`yargs: ${String(actual)} is not set`)
}

/** yargs' English sentences with their values. */
function sentence(text, ...values) {
  return text.replace(/%[sd]/g, () => String(values.shift() ?? ''))
}

export default {
  assert: { strictEqual: equal, notStrictEqual: different },
  cliui: (options) => require('./help-layout.cjs').cliui(options),
  stringWidth: (text) => require('./help-layout.cjs').stringWidth(text),
  Parser,
  path: { basename, dirname, extname, join, relative, resolve },
  process: {
    argv: () => process.argv,
    cwd: process.cwd,
    emitWarning: (warning, type) => process.emitWarning(warning, type),
    execPath: () => process.execPath,
    exit: (status) => process.exit(status),
    nextTick: process.nextTick,
    stdColumns: null,
  },
  getEnv: (name) => process.env[name],
  getProcessArgvBin: () => 'vfioctl',
  getCallerFile: () => '',
  inspect: String,
  mainFilename: '/',
  findUp: () => undefined,
  readFileSync: () => '{}',
  readdirSync: () => [],
  require: () => undefined,
  y18n: {
    __: sentence,
    __n: (one, many, count, ...values) =>
      sentence(count === 1 ? one : many, ...(one.includes('%d') ? [count] : []), ...values),
    getLocale: () => 'en',
    setLocale() {},
    updateLocale() {},
  },
}
