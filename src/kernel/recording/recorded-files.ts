import type { RecordedFile, RecordedHost } from './recorded-host.ts'
import type { Entry } from './recording-files.ts'

/** Of what a process has open, only what may be a device is recorded. */
const ofNoDevice = /^\/dev\/(?:null|zero|full|random|urandom|tty\w*|pts|ptmx|shm|kmsg|console|fuse)(?:\/|$)/

/**
 * The files of a recording, as JSON has them: each folder before what is in it, which is in the order of the folder. Of
 * the processes, those that have a device open, or may not be looked into.
 */
export function recordedFiles(entries: ReadonlyMap<string, Entry>): RecordedHost['files'] {
  const namesIn = new Map<string, string[]>()
  for (const path of entries.keys()) {
    if (path === '/') continue
    const at = path.lastIndexOf('/')
    const folder = at === 0 ? '/' : path.slice(0, at)
    const names = namesIn.get(folder)
    if (names === undefined) namesIn.set(folder, [path.slice(at + 1)])
    else names.push(path.slice(at + 1))
  }
  const files: Record<string, string | RecordedFile> = {}
  const add = (path: string, entry: Entry) => {
    files[path] = asJson(entry)
    const known = namesIn.get(path) ?? []
    const listed = entry.names?.filter((name) => entries.has(below(path, name))) ?? []
    for (const name of new Set([...listed, ...known])) {
      const child = entries.get(below(path, name))
      if (child === undefined || isNobodysBusiness(below(path, name), child, namesIn, entries)) continue
      add(below(path, name), child)
    }
  }
  add('/', entries.get('/') ?? { kind: 'directory' })
  return files
}

function below(folder: string, name: string): string {
  return folder === '/' ? `/${name}` : `${folder}/${name}`
}

function isNobodysBusiness(
  path: string,
  entry: Entry,
  namesIn: ReadonlyMap<string, readonly string[]>,
  entries: ReadonlyMap<string, Entry>,
): boolean {
  if (/^\/proc\/\d+\/fd\/\d+$/.test(path)) return !isOfDevice(entry.target ?? '')
  if (!/^\/proc\/\d+$/.test(path)) return false
  const fds = entries.get(`${path}/fd`)
  const hasDevice = (namesIn.get(`${path}/fd`) ?? []).some((fd) =>
    isOfDevice(entries.get(`${path}/fd/${fd}`)?.target ?? ''),
  )
  const isLookedInto = (namesIn.get(path) ?? []).some((name) => name !== 'fd')
  return !hasDevice && !isLookedInto && fds?.error === undefined
}

function isOfDevice(target: string): boolean {
  if (target.startsWith('anon_inode:')) return /vfio|iommu/.test(target)
  return target.startsWith('/dev/') && !ofNoDevice.test(target)
}

function asJson({ kind, text, bytes, target, names, error, owner, modified, claimed }: Entry): string | RecordedFile {
  const isText = text !== undefined && [bytes, error, owner, modified, claimed].every((it) => it === undefined)
  if (kind === 'file' && isText) return text
  return {
    kind,
    ...(text === undefined ? {} : { text }),
    ...(bytes === undefined ? {} : { bytes: Buffer.from(bytes).toString('base64') }),
    ...(target === undefined ? {} : { target }),
    ...(names === undefined ? {} : { listed: true }),
    ...(error === undefined ? {} : { error }),
    ...(owner === undefined ? {} : { owner }),
    ...(modified === undefined ? {} : { modified }),
    ...(claimed === undefined ? {} : { claimed }),
  }
}
