import type { SplitCommandLine } from '../arguments/global-options.ts'

/** Other words for what only shows something: they do it. */
const sameVerbs: Readonly<Record<string, string>> = { ls: 'list', show: 'list', status: 'list' }

/** Other words for what changes something, or could be several things: the right verb is named, and nothing done. */
const otherVerbs: Readonly<Record<string, string>> = {
  add: 'create',
  attach: 'release gives a device back to its own driver; start makes a virtual device',
  autostart: 'modify --auto has a definition start by itself',
  create: 'start makes a device, define keeps a definition of one',
  delete: 'remove',
  describe: 'info',
  destroy: 'stop ends a running device; undefine forgets its definition',
  detach: 'bind gives a device to vfio-pci',
  diff: 'plan shows what a file would change',
  disable: 'modify --manual has a definition start on demand alone',
  down: 'destroy',
  edit: 'modify changes a definition',
  enable: 'autostart',
  info: 'list shows virtual devices, groups all of them; inspect opens one',
  install: 'boot install has what is defined come back at boot',
  iommu: 'groups shows the IOMMU groups',
  kill: 'destroy',
  make: 'create',
  mk: 'create',
  monitor: 'watch tells what changes',
  new: 'create',
  poke: 'write writes to a region',
  peek: 'read reads from a region',
  reattach: 'attach',
  remove: 'stop ends a running device; undefine forgets its definition',
  restart: 'stop, then start; reset resets a device that goes on running',
  rm: 'remove',
  set: 'edit',
  shutdown: 'destroy',
  unbind: 'release gives a device back to its own driver; bind DEVICE none keeps all drivers away',
  up: 'start starts a device',
  update: 'edit',
  vf: 'sriov gives a device virtual functions',
  vfs: 'vf',
}

/** A line with the words that people know from other tools: `help COMMAND`, `version`, `-V`, `ls`. */
export function withKnownWords(line: SplitCommandLine): SplitCommandLine {
  const { word, rest } = line
  if (word === 'help') {
    return { word: aboutOf(line), rest: ['--help'], orElse: null }
  }
  const asksVersion = word === 'version' || (rest.length === 1 && rest[0] === '-V')
  if (asksVersion) return { word: word === 'version' ? null : word, rest: ['--version'], orElse: null }
  return word === null ? line : { ...line, word: sameVerb(word) ?? word }
}

/** The command or topic that `help` is asked about; null for the program. */
export function aboutOf({ rest }: SplitCommandLine): string | null {
  const about = rest.find((token) => !token.startsWith('-')) ?? null
  return about === null ? null : (sameVerb(about) ?? about)
}

function sameVerb(word: string): string | null {
  return Object.hasOwn(sameVerbs, word) ? (sameVerbs[word] ?? null) : null
}

/** Names the commands that do here what a verb of other tools asks for; null for a word that nobody knows. */
export function rightVerb(word: string): string | null {
  const found = Object.hasOwn(otherVerbs, word) ? otherVerbs[word] : undefined
  if (found === undefined) return null
  return rightVerb(found) ?? found
}
