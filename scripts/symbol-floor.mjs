// node scripts/symbol-floor.mjs ADDON…: fails if an addon needs more of the host's libraries than the oldest hosts have.
import { execFileSync } from 'node:child_process'

/**
 * The newest version that an addon may need of each library: RHEL 8's, which is what Node's own builds ask for. The C++
 * library is the host's, as Node has loaded that one already: one linked into the addon would be a second in the process,
 * two to three times the size, with an unwinder that asks for glibc 2.35.
 */
const floors = { GLIBC: '2.28', GLIBCXX: '3.4.25', CXXABI: '1.3.11', GCC: '8.0.0' }

/**
 * The symbols that an addon, of any processor, needs in a version that the oldest hosts do not have: 'name@GLIBC_2.32'.
 * @param {string} addon
 */
export function symbolsAboveFloor(addon) {
  const table = execFileSync('readelf', ['--dyn-syms', '--wide', addon], { encoding: 'utf8' })
  const needed = [...table.matchAll(/ UND ([^\s@]+)@([A-Z]+)_(\S+)/g)]
  // Without one, readelf prints another form than this reads.
  if (!needed.some(([, , library]) => library === 'GLIBC'))
    throw new Error(`${addon}: no symbol of glibc in:\n${table}`)
  return needed
    .filter(([, , library, version]) => !(library in floors) || compare(version, floors[library]) > 0)
    .map(([, name, library, version]) => `${name}@${library}_${version}`)
}

/** @param {string} a @param {string} b */
function compare(a, b) {
  return a.localeCompare(b, 'en', { numeric: true })
}

if (process.argv[1] === import.meta.filename) {
  for (const addon of process.argv.slice(2)) {
    for (const symbol of symbolsAboveFloor(addon)) {
      console.error(`${addon} needs ${symbol}: newer than ${Object.entries(floors).flat().join(' ')}`)
      process.exitCode = 1
    }
  }
}
