import * as v from 'valibot'
import type { Fields } from '../../base/arguments.ts'
import type {
  RecordedCall,
  RecordedDevice,
  RecordedDeviceFile,
  RecordedError,
  RecordedFile,
  RecordedGap,
  RecordedHost,
} from '../../kernel/recording/recorded-host.ts'
import { pageSizes } from '../base/kernel-traits.ts'
import { count } from './read-values.ts'

/** More than any host has; the file itself has its own limit. */
const longestPath = 4095
const mostDevices = 4096

const path = v.pipe(
  v.string(),
  v.maxLength(longestPath),
  v.regex(/^\/$|^(\/[^/\0]+)+$/, 'an absolute path'),
  v.check((text) => !/\/\.\.?(\/|$)/.test(text), 'a path without . and ..'),
)
const hex = v.pipe(v.string(), v.regex(/^(?:[0-9a-f]{2})*$/, 'bytes in hex'))
const number32 = v.pipe(v.number(), v.integer(), v.minValue(-(2 ** 31)), v.maxValue(2 ** 32 - 1))

const error: v.GenericSchema<RecordedError> = v.strictTuple([
  v.pipe(v.string(), v.regex(/^E[A-Z0-9]{1,20}$/, 'the name of an errno')),
  v.pipe(count, v.minValue(1), v.maxValue(4095)),
  v.pipe(v.string(), v.regex(/^[a-z0-9_]{1,30}$/i, 'the name of a system call')),
])

const owner = v.strictObject({
  uid: v.pipe(count, v.maxValue(2 ** 32 - 1)),
  gid: v.pipe(count, v.maxValue(2 ** 32 - 1)),
  mode: v.pipe(count, v.maxValue(0o7777)),
})

const file = v.pipe(
  v.strictObject({
    kind: v.picklist(['file', 'directory', 'symlink', 'device', 'other', 'unknown']),
    text: v.exactOptional(v.string()),
    bytes: v.exactOptional(v.pipe(v.string(), v.regex(/^[A-Za-z0-9+/]*={0,2}$/, 'bytes in base64'))),
    target: v.exactOptional(v.pipe(v.string(), v.nonEmpty(), v.maxLength(longestPath))),
    listed: v.exactOptional(v.literal(true)),
    error: v.exactOptional(error),
    owner: v.exactOptional(owner),
    modified: v.exactOptional(v.number()),
    claimed: v.exactOptional(v.literal(true)),
  } satisfies Fields<RecordedFile>),
  v.check(({ kind, target }) => target === undefined || kind === 'symlink', 'a target of a symlink alone'),
  v.check(({ kind, error: its }) => kind !== 'unknown' || its !== undefined, 'the error of what is unknown'),
)

const call = v.strictObject({
  request: v.pipe(count, v.maxValue(0xffff_ffff)),
  given: v.exactOptional(v.union([hex, number32])),
  name: v.exactOptional(v.string()),
  result: number32,
  error: v.exactOptional(error),
  answer: v.exactOptional(hex),
  pointed: v.exactOptional(v.array(hex)),
} satisfies Fields<RecordedCall>)

const deviceFile = v.strictObject({
  file: v.pipe(v.string(), v.nonEmpty(), v.maxLength(longestPath)),
  error: v.exactOptional(error),
  calls: v.array(call),
  bytes: v.array(v.strictObject({ at: count, hex })),
} satisfies Fields<RecordedDeviceFile>)

const device = v.strictObject({
  name: v.string(),
  files: v.array(deviceFile),
} satisfies Fields<RecordedDevice>)

const gap = v.strictObject({ path: v.string(), message: v.string() } satisfies Fields<RecordedGap>)

/** Schema of what was recorded of a host. */
export const recordedHost: v.GenericSchema<RecordedHost> = v.strictObject({
  program: v.nullable(v.string()),
  uid: v.pipe(count, v.maxValue(2 ** 32 - 1)),
  byteOrder: v.picklist(['little', 'big']),
  pageSize: v.exactOptional(v.picklist(pageSizes)),
  files: v.pipe(
    v.record(
      path,
      v.lazy((entry) => (typeof entry === 'string' ? v.string() : file)),
    ),
    v.check(isInFolders, 'each file after the folder that it is in'),
  ),
  devices: v.pipe(v.array(device), v.maxLength(mostDevices)),
  unseen: v.array(gap),
} satisfies Fields<RecordedHost>)

function isInFolders(files: RecordedHost['files']): boolean {
  const folders = new Set(['/'])
  for (const [path, entry] of Object.entries(files)) {
    if (!folders.has(path.slice(0, Math.max(1, path.lastIndexOf('/'))))) return false
    if (typeof entry === 'object' && entry.kind === 'directory') folders.add(path)
  }
  return true
}
