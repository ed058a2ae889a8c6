import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { dirname } from 'node:path'

/** The reason why a file is not this process's addon, and what helps. */
export interface Refusal {
  readonly path: string
  readonly reason: string
  readonly hint: string
  /** True if there is no such file. */
  readonly absent?: true
}

const makeOne = 'in a checkout, `npm run build` makes it; without it, the mock works: `--mock demo`'
const withoutMemoryFile = 'npm’s package needs no memory file: npm install -g vfioctl'
const installAgain = 'install the package again, on this machine'

/** Node's name of a processor, by its number in an ELF file (e_machine). */
const machines: Readonly<Record<number, string>> = {
  3: 'ia32',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
}

/**
 * The reason in its first bytes against loading a file; null if nothing does, as of what is no ELF file, which the
 * dynamic loader refuses itself. It takes a file that was cut short, and the process dies of SIGBUS in it.
 */
export function refusedBeforeLoading(path: string): Refusal | null {
  const header = readHeader(path)
  if (header === null) return null
  const { machine, expectedSize, size } = header
  if (machine !== process.arch) {
    return { path, reason: `it is for ${machine}, and this is ${process.arch}`, hint: installAgain }
  }
  if (size >= expectedSize) return null
  return { path, reason: `it is cut short: ${size} of ${expectedSize} bytes`, hint: installAgain }
}

/** A file that is not there, with the processors whose addons are in its folder. */
export function refusedAsAbsent(path: string): Refusal {
  const others = addonsIn(dirname(path))
  const beside = others.length === 0 ? '' : `; there is one for ${others.join(', ')}`
  return { path, reason: `not there${beside}`, hint: makeOne, absent: true }
}

/** An addon that exports something else than this version's. */
export function refusedAsOther(path: string): Refusal {
  return { path, reason: 'made for another version of vfioctl', hint: makeOne }
}

/** Meaning of the dynamic loader's message. `host` is this process's glibc, null if it has another C library. */
export function refusedByLoader(path: string, said: string, host: string | null = glibcVersion()): Refusal {
  const missing = /([^\s/]+): version `([A-Z]+_[\d.]+)' not found/.exec(said)
  if (host === null) {
    const hint =
      'run a Node that is built for glibc (Debian, RHEL, Ubuntu); in a checkout here, `npm run build` makes one'
    return { path, reason: `it needs glibc, and this Node has another C library (musl?): ${said}`, hint }
  }
  if (missing !== null) {
    const [, library = '', version = ''] = missing
    const hint =
      'a newer release of this host’s system has it; in a checkout here, `npm run build` makes one without it'
    return { path, reason: `it needs ${version}, which this host's ${library} lacks (glibc ${host})`, hint }
  }
  if (/libc\.musl|ld-musl/.test(said)) {
    return { path, reason: `it is for musl, and this Node has glibc ${host}: ${said}`, hint: installAgain }
  }
  if (said.includes('failed to map segment')) {
    const hint = `a file system mounted noexec cannot hold it: findmnt -T ${path}`
    return { path, reason: `it may not be executed: ${said}`, hint }
  }
  return { path, reason: said, hint: makeOne }
}

/** The same of the single executable's own, whose place no build of a checkout takes. */
export function refusedInExecutable(path: string, said: string, host?: string | null): Refusal {
  return { path, reason: refusedByLoader(path, said, host).reason, hint: executableHint(said) }
}

function executableHint(said: string): string {
  if (said.includes('memfd_noexec')) return `sysctl vm.memfd_noexec=1 allows it; ${withoutMemoryFile}`
  if (said.includes('ENOENT')) return `mount -t proc proc /proc; ${withoutMemoryFile}`
  if (said.includes('failed to map segment')) {
    return `a security module may forbid code in memory files: dmesg, ausearch -m avc; ${withoutMemoryFile}`
  }
  return `copy the executable here again; ${withoutMemoryFile}`
}

interface Header {
  readonly machine: string
  /** End of its table of sections, in bytes, which is the end of the file. */
  readonly expectedSize: number
  readonly size: number
}

/** The header of a 64-bit ELF file; null for any other file. */
function readHeader(path: string): Header | null {
  const bytes = Buffer.alloc(64)
  const fd = openSync(path, 'r')
  try {
    if (readSync(fd, bytes, 0, 64, 0) < 64 || bytes.readUInt32BE(0) !== 0x7f454c46 || bytes[4] !== 2) return null
    const view = new DataView(bytes.buffer, bytes.byteOffset, 64)
    const little = bytes[5] === 1
    const number = view.getUint16(18, little)
    const sections = Number(view.getBigUint64(40, little))
    const expectedSize = sections + view.getUint16(58, little) * view.getUint16(60, little)
    return { machine: machines[number] ?? `processor ${number}`, expectedSize, size: fstatSync(fd).size }
  } finally {
    closeSync(fd)
  }
}

function addonsIn(folder: string): string[] {
  try {
    return readdirSync(folder)
      .flatMap((name) => /^(linux-\w+)\.node$/.exec(name)?.[1] ?? [])
      .sort()
  } catch {
    return []
  }
}

/** This process's version of glibc; null if it has another C library. */
function glibcVersion(): string | null {
  // a report asks name servers about open sockets otherwise
  const before: unknown = Reflect.get(process.report, 'excludeNetwork')
  Object.assign(process.report, { excludeNetwork: true })
  const report = process.report.getReport()
  Object.assign(process.report, { excludeNetwork: before })
  const header: unknown = Reflect.get(report, 'header')
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) return null
  return String(header.glibcVersionRuntime)
}
