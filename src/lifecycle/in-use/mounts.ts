import { linkOrEmpty, listOrNone, readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'

/** One line of /proc/self/mountinfo, as far as it matters here. */
export interface Mount {
  /** Of its file system: '8:1'; '0:NN' of one that is on no one block device. */
  readonly number: string
  readonly type: string
  /** Its sources: nodes of its devices, as far as it has any. */
  readonly sources: readonly string[]
  readonly at: string
}

/**
 * proc_pid_mountinfo(5) of init, if we may look, and of one process in every other mount namespace: containers have
 * mounts of their own, and this process may see others than the host.
 */
export function readMounts(files: HostFiles): Mount[] {
  const namespaces = new Map<string, string>()
  for (const pid of ['1', 'self', ...listOrNone(files, '/proc')]) {
    if (!/^(self|[1-9]\d*)$/.test(pid)) continue
    const namespace = linkOrEmpty(files, `/proc/${pid}/ns/mnt`)
    // without it, as in a tree of files, init's and our own will do
    if (namespace === '' && pid !== '1' && pid !== 'self') continue
    if (!namespaces.has(namespace)) {
      const text = readOrEmpty(files, `/proc/${pid}/mountinfo`)
      if (text !== '') namespaces.set(namespace, text)
    }
  }
  const mounts = new Map<string, Mount>()
  for (const text of namespaces.values()) {
    for (const mount of parseMounts(text)) mounts.set(`${mount.number} ${mount.sources} ${mount.at}`, mount)
  }
  return [...mounts.values()]
}

function parseMounts(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ')
    const [, , number, , at] = before.split(' ')
    const [type, source, options = ''] = after.split(' ')
    if (number === undefined || at === undefined || type === undefined || source === undefined) return []
    const others = [...options.matchAll(/(?:^|,)(?:logdev|rtdev|journal_path)=([^,]+)/g)].map(([, path]) => path ?? '')
    const sources = [...(type === 'bcachefs' ? source.split(':') : [source]), ...others].map(unescaped)
    return [{ number, type, sources, at: unescaped(at) }]
  })
}

/** The mount that a file is on: the last of those with the longest path above it. */
export function mountOf(mounts: readonly Mount[], file: string): Mount | undefined {
  const above = mounts.filter(({ at }) => at === '/' || file === at || file.startsWith(`${at}/`))
  return above.toSorted((a, b) => a.at.length - b.at.length).at(-1)
}

/** One line of /proc/swaps. */
export interface Swap {
  readonly path: string
  readonly isFile: boolean
}

/** /proc/swaps: nodes of devices, and files. */
export function readSwaps(files: HostFiles): Swap[] {
  return readOrEmpty(files, '/proc/swaps')
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [path = '', type] = line.split(/\s+/)
      return path === '' ? [] : [{ path: unescaped(path), isFile: type === 'file' }]
    })
}

/** The kernel writes white space and backslashes of names in octal: '\040'. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  const bytes = Buffer.from(text, 'utf8').toString('latin1')
  const raw = bytes.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))
  return Buffer.from(raw, 'latin1').toString('utf8')
}
