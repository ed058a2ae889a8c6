// Which modules share a file of the bundled command line. Few files: opening one costs more than what is in a small one.
// Node compiles a file whole before it runs: what `list` does not import is in none that it loads.
import { join } from 'node:path'

const source = join(import.meta.dirname, '../../src')

/** Of the plan, and of what a kind of device has for it. */
const planning = 'spec|plan|wanted|kinds\\/plannings|kinds\\/[a-z-]+\\/(plan-|[a-z-]+-planning|derived-uuid|turned-out)'

/** The groups of rolldown's `codeSplitting`. A module goes to the group of the highest priority that takes it. */
export const chunks = [
  importsOf('core', 5, [
    ...['cli/run-process.ts', 'cli/commands/list.ts'],
    // small, and of use to two of the next
    ...['base/byte-order.ts', 'kernel/descriptor-made.ts', 'kernel/embedded.ts', 'kernel/unix-sockets.ts'],
  ]),
  importsOf('linux', 4, ['kernel/linux.ts']),
  { name: 'pci', priority: 4, test: /src\/uapi\/pci/ },
  { name: 'uapi', priority: 4, test: /src\/uapi/ },
  importsOf('mock-kernel', 3, ['cli/command/mock-host.ts']),
  { name: 'arguments', priority: 2, test: /src\/cli\/(arguments\/(?!spec-file|region)|output\/report-change)/ },
  { name: 'host', priority: 2, test: /src\/host\// },
  { name: 'lifecycle', priority: 1, test: new RegExp(`src/lifecycle/(?!${planning})`) },
  { name: 'ffi-rs', test: /node_modules\/ffi-rs|embedded-ffi/ },
  {
    name: 'plan',
    test: new RegExp(`node_modules/yaml/|src/lifecycle/(${planning})|src/cli/(arguments/spec-file|output/plan-text)`),
  },
  { name: 'yargs', test: /node_modules\/yargs\/|cli\/(parser\/(?!parser|synonyms)|command\/version)/ },
  {
    name: 'device',
    test: /src\/(host-inspection|vfio|kernel\/(soft-memlock|trace|recording)|cli\/(device|arguments\/region))/,
  },
]

/** The group of what these modules import, and what that imports. */
function importsOf(name, priority, roots) {
  let reached = null
  return {
    priority,
    debugName: name,
    name(id, graph) {
      reached ??= reachedFrom(roots, graph)
      return reached.has(id) ? name : null
    },
  }
}

function reachedFrom(roots, graph) {
  const ids = new Set(roots.map((it) => join(source, it)))
  for (const id of ids) for (const imported of graph.getModuleInfo(id)?.importedIds ?? []) ids.add(imported)
  return ids
}
