import { VfioError } from '../../base/errors.ts'
import { changedBy, realPlace } from '../../host/changeable-by-others.ts'
import type { HostFiles, Kernel } from '../../kernel/kernel.ts'
import { earlyDevices } from '../bindings/early-devices.ts'
import { nextBootLines } from '../bindings/next-boot.ts'
import { keptDriver } from '../bindings/wanted-driver.ts'
import type { Run, Step } from '../change/change.ts'
import { type KeptFile, pathOf, readKept } from '../files/durable-files.ts'
import { deleteFile, writeAll } from '../files/write-all.ts'
import { boundDeviceOrNull, keptBindings } from '../settings/bindings.ts'
import { type BootFile, bootFiles, type HostTools, mark, type Program } from './boot-files.ts'
import { checkProgram } from './check-program.ts'
import { mdevctlRule } from './mdevctl-rule.ts'
import { enablingNotes, type Packaged, packagedOrNull, startsProgram, stayingNotes } from './packaged.ts'
import { reloadSteps, runReload, stopSteps } from './reload.ts'

/** Options for changing what runs at boot. */
export interface BootOptions {
  /**
   * True if systemd and udev of that host run here, and are to read what changed (default: if its programs can be run).
   */
  readonly live?: boolean
  /** Change nothing, and answer the exact steps. */
  readonly dryRun?: boolean
}

/** The program to run at boot, with options. */
export interface BootRequest extends BootOptions {
  /** The command line of vfioctl, in absolute paths on that host: Node and the script, or the single executable. */
  readonly program: Program
}

/** One step of it: a file, or a program that reads the files anew. */
export type BootStep = Extract<Step, { readonly action: 'save' | 'delete' | 'run' }>

/** The change for the next boots that was made, or with `dryRun` would be. */
export interface BootChange {
  readonly changed: boolean
  readonly dryRun: boolean
  readonly steps: readonly BootStep[]
  /** Further things to know or do, in words. */
  readonly notes: readonly string[]
}

/** The files that run `restore` at boot, in the order in which they are written. */
export interface RestoreStatus {
  /** True if all of them are there, as vfioctl wrote them or as a package brought them. */
  readonly installed: boolean
  readonly files: readonly BootFileStatus[]
}

/** One of those files: 'packaged' if a package has it in its own place, 'foreign' if somebody else wrote it. */
export interface BootFileStatus {
  readonly path: string
  readonly state: 'written' | 'packaged' | 'missing' | 'foreign'
}

/** The state of the files that `installBoot` writes. Their content is not compared, as it names the program. */
export function restoreStatus(files: HostFiles): RestoreStatus {
  const packaged = packagedOrNull(files, toolsOf(files))
  const all = bootFiles([], toolsOf(files)).map((file): BootFileStatus => {
    const path = pathOf(file)
    if (files.kind(path) === null) return { path, state: hasPackaged(packaged, file) ? 'packaged' : 'missing' }
    return { path, state: isOwn(files, file) ? 'written' : 'foreign' }
  })
  return { installed: all.every(({ state }) => state === 'written' || state === 'packaged'), files: all }
}

/** The file that has the unit started at boot is a link of systemctl's, if a package has the unit. */
function hasPackaged(packaged: Packaged | null, { name }: BootFile): boolean {
  return packaged !== null && (packaged.names.has(name) || packaged.enabled)
}

/**
 * Writes the units and the udev rule that run `restore`; if a package has brought them for this program, they are
 * enough, and what was written before is deleted, as it would count in their place. Refuses as `checkProgram` does.
 * ALREADY_EXISTS if a file of somebody else's is in the way, and then nothing is written; if a write fails, those
 * before it are taken back.
 */
export async function installBoot(kernel: Kernel, request: BootRequest): Promise<BootChange> {
  const { files } = kernel
  checkProgram(files, request.program)
  const packaged = packagedOrNull(files, toolsOf(files))
  if (packaged !== null && startsProgram(files, request.program, toolsOf(files))) {
    return deleteOwn(kernel, request, [...mdevctlRule(files), ...boundByOthers(files), ...enablingNotes(packaged)], [])
  }
  const wanted = bootFiles(request.program, toolsOf(files)).map((file) => ({ file, now: ownContent(files, file) }))
  const missing = wanted.filter(({ file, now }) => now !== file.content || changedBy(files, pathOf(file)) !== null)
  const saves = missing.map(({ file }): BootStep => ({ action: 'save', path: pathOf(file), content: file.content }))
  const notes = [
    ...mdevctlRule(files),
    ...notRunning(kernel, request),
    ...boundByOthers(files),
    ...openFolders(files, wanted),
  ]
  return finish(
    kernel,
    request,
    saves,
    notes,
    reloadSteps(files),
    () =>
      void writeAll(
        files,
        missing.map(({ file, now }) => ({ file, now, content: file.content })),
      ),
  )
}

/** Notes if udev, which alone runs the rule, or systemd is missing: a container has neither, or no udev. */
function notRunning({ files, runsPrograms }: Kernel, { live = runsPrograms }: BootOptions): string[] {
  if (!live) return []
  if (files.kind('/run/systemd/system') === null) {
    return [
      'systemd does not run here: at a boot without it, nothing is started, unless something else runs: vfioctl restore',
    ]
  }
  if (files.kind('/run/udev/control') !== null) return []
  return [
    'udev does not run here: what is there at boot, or comes while the unit waits for it, is started; for what comes later: ' +
      'vfioctl restore --parent PARENT',
  ]
}

/** Notes on others that give a device another driver at boot than the one that is kept for it. */
function boundByOthers(files: HostFiles): string[] {
  return keptBindings.list(files).settings.flatMap(({ name, value }) => {
    const device = boundDeviceOrNull(name)
    return device === null ? [] : nextBootLines(files, device, keptDriver(files, device, value.driver))
  })
}

/** Deletes what `installBoot` writes. Files of somebody else's at those places are left, and named. */
export async function removeBoot(kernel: Kernel, options: BootOptions): Promise<BootChange> {
  const { files } = kernel
  const packaged = packagedOrNull(files, toolsOf(files))
  const notes = [...stayingNotes(packaged), ...earlyStays(files)]
  return deleteOwn(kernel, options, notes, packaged === null ? stopSteps(files) : [])
}

/** The note that devices are bound early all the same; none if none is. */
function earlyStays(files: HostFiles): string[] {
  const early = earlyDevices(files).map(({ address }) => address)
  return early.length === 0
    ? []
    : [`bound early all the same: ${early.join(', ')}; vfioctl bind DEVICE --no-early takes that back`]
}

async function deleteOwn(
  kernel: Kernel,
  options: BootOptions,
  more: readonly string[],
  stops: readonly Run[],
): Promise<BootChange> {
  const { files } = kernel
  const all = bootFiles([], toolsOf(files)).filter((file) => files.kind(pathOf(file)) !== null)
  const foreign = all.filter((file) => !isOwn(files, file))
  const own = all.filter((file) => !foreign.includes(file))
  const deletions = own.map((file): BootStep => ({ action: 'delete', path: pathOf(file) }))
  const notes = foreign.map((file) => `${pathOf(file)} was not written by vfioctl: it is left as it is`)
  return finish(kernel, options, deletions, [...notes, ...more], [...stops, ...reloadSteps(files)], () => {
    for (const file of own) deleteFile(files, file)
  })
}

async function finish(
  kernel: Kernel,
  { dryRun = false, live = kernel.runsPrograms }: BootOptions,
  changes: readonly BootStep[],
  notes: readonly string[],
  runs: readonly Run[],
  work: () => void,
): Promise<BootChange> {
  if (changes.length === 0) return { changed: false, dryRun, steps: [], notes }
  const reload = live ? runs : []
  const change = { changed: true, dryRun, steps: [...changes, ...reload], notes }
  if (dryRun) return change
  work()
  return { ...change, notes: [...(await runReload(kernel, reload)), ...notes] }
}

/** Notes on others who can write where units and rules are: they are root at the next boot, with ours or without. */
function openFolders(files: HostFiles, wanted: readonly { readonly file: BootFile }[]): string[] {
  const folders = new Set(wanted.map(({ file }) => file.folder))
  const reasons = [...folders]
    .filter((folder) => files.kind(folder) !== null)
    .map((folder) => realPlace(files, folder).changeable)
  return [...new Set(reasons)]
    .filter((why) => why !== null)
    .map((why) => `${why}: who uses that is root at the next boot`)
}

/** The content at the place of a file of ours, or null. ALREADY_EXISTS if it is somebody else's. */
function ownContent(files: HostFiles, file: BootFile): string | null {
  const path = pathOf(file)
  if (files.kind(path) === null) return null
  if (isOwn(files, file)) return readKept(files, path, (text) => text)
  throw new VfioError('ALREADY_EXISTS', `${path} is there and was not written by vfioctl: nothing is changed`, {
    path,
    hint: `look at it, and move it away: mv ${path} ${path}.old`,
  })
}

/** A link, as `systemctl mask` makes one, is an admin's. */
function isOwn(files: HostFiles, file: KeptFile): boolean {
  const path = pathOf(file)
  return files.kind(path) === 'file' && readKept(files, path, (text) => text.startsWith(`${mark}\n`)) === true
}

function toolsOf(files: HostFiles): HostTools {
  const find = (name: string) =>
    [`/usr/bin/${name}`, `/bin/${name}`].find((path) => files.kind(path) !== null) ?? `/usr/bin/${name}`
  return { systemctl: find('systemctl'), mkdir: find('mkdir') }
}
