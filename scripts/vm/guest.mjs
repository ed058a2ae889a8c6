// Boots the virtual machine, runs one command in it, and ends it.
import { spawn } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { architectures, iommuOf } from './architectures.mjs'
import { cacheFolder, privateFolder } from './cache.mjs'
import { live } from './lanes.mjs'
import { newerQemu } from './newer-qemu.mjs'
import { prepare } from './prepare.mjs'

/** @typedef {import('./lanes.mjs').Log} Log */

const checkout = dirname(dirname(import.meta.dirname))

/** File behind the guest's one disk, and its bytes: zeros, a new one each time. */
const diskFile = 'disk'
const diskSize = 256 * 1024 * 1024

/** Folder in which the command leaves files for its caller. */
export const outputsFolder = '/run/vm/out'

/**
 * @typedef {object} Result
 * @property {number | undefined} status the command's exit status; undefined when it did not finish
 * @property {boolean} timedOut
 * @property {string} console what the kernel and its first process said
 * @property {Map<string, Buffer>} outputs the files asked for that the command left in `outputsFolder`
 */

/**
 * Nothing of the guest outlives the call, and a guest that hangs is ended at the deadline.
 * @param {object} options
 * @param {string[]} options.command
 * @param {string} [options.cwd] the current folder unless given
 * @param {string} [options.kernel]
 * @param {string[]} [options.devices] more devices, in QEMU's words
 * @param {string} [options.iommu] one of the processor's (architectures.mjs)
 * @param {boolean} [options.systemd] boots multi-user.target; else nothing but the command runs
 * @param {string} [options.root] a system's root folder in the place of this machine's files (debian-root.mjs)
 * @param {Buffer} [options.etc] a tar archive, unpacked at / before systemd looks for its units
 * @param {number} options.timeout seconds from power-on
 * @param {Record<string, string>} [options.env]
 * @param {string[]} [options.outputs] names of files to bring back
 * @param {boolean} [options.showConsole] as it comes, on stderr
 * @param {Log} [options.log] hears what the command says, in place of this process's stdout and stderr
 * @returns {Promise<Result>}
 */
export async function runInGuest(options) {
  const { command, cwd = process.cwd(), kernel, devices = [], timeout, env = {}, outputs = [] } = options
  const prepared = withRoot(await prepare(kernel), options.root)
  const runFolder = await privateFolder(cacheFolder)
  try {
    await mkdir(join(runFolder, 'out'))
    await writeFile(join(runFolder, diskFile), '')
    await truncate(join(runFolder, diskFile), diskSize)
    const isForeign = prepared.compiled !== null
    if (isForeign && options.systemd) throw new Error(`a guest of ${prepared.arch} has no systemd`)
    await copyFirstProcess(runFolder, isForeign ? 'foreign.sh' : options.systemd ? 'systemd.sh' : null)
    if (isForeign) await writeFile(join(runFolder, 'checkout'), checkout)
    if (options.etc) await writeFile(join(runFolder, 'etc.tar'), options.etc)
    const PATH = isForeign ? '/usr/sbin:/usr/bin:/sbin:/bin' : (process.env.PATH ?? '/usr/bin:/bin')
    await writeFile(join(runFolder, 'command.sh'), commandScript(command, cwd, { PATH, ...env }))
    const iommu = iommuOf(prepared.arch, options.iommu)
    const [qemu, ...firmware] = iommu.newer ? await newerQemu() : [architectures[prepared.arch].qemu]
    const result = await boot(qemu, [...firmware, ...machine(prepared, runFolder, devices, iommu)], timeout, {
      showConsole: options.showConsole ?? false,
      log: options.log ?? live,
    })
    return { ...result, outputs: await collect(join(runFolder, 'out'), outputs) }
  } finally {
    await rm(runFolder, { recursive: true, force: true })
  }
}

/** @param {import('./prepare.mjs').Prepared} prepared @param {string | undefined} root */
function withRoot(prepared, root) {
  return root === undefined ? prepared : { ...prepared, root, packages: root }
}

/**
 * init.sh goes on with guest.sh, or with what goes on with it in the end.
 * @param {string} runFolder
 * @param {'systemd.sh' | 'foreign.sh' | null} first
 */
async function copyFirstProcess(runFolder, first) {
  const names = first === null ? { 'guest.sh': 'guest.sh' } : { [first]: 'guest.sh', 'guest.sh': 'service.sh' }
  for (const [from, to] of Object.entries(names)) {
    await copyFile(join(import.meta.dirname, from), join(runFolder, to))
  }
}

/** @param {string[]} command @param {string} cwd @param {Record<string, string>} env */
function commandScript(command, cwd, env) {
  const variables = {
    HOME: '/run/home',
    VFIOCTL_VM: '1',
    VFIOCTL_TEST_KERNEL: 'linux',
    ...env,
  }
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${quote(value)}`)
  return [...exports, `cd ${quote(cwd)} || exit 125`, `exec ${command.map(quote).join(' ')}`, ''].join('\n')
}

/** @param {string} word */
function quote(word) {
  return `'${word.replaceAll("'", "'\\''")}'`
}

/**
 * @param {import('./prepare.mjs').Prepared} prepared
 * @param {string} runFolder
 * @param {string[]} devices
 * @param {import('./architectures.mjs').Iommu} iommu
 */
function machine({ arch, image, bzImage, initrd, root, packages, overlay, compiled }, runFolder, devices, iommu) {
  const { machine, commandLine, devices: own, transport } = architectures[arch]
  const share = (/** @type {string} */ tag, /** @type {string} */ path, /** @type {boolean} */ readOnly) =>
    sharedFolder(transport, tag, path, readOnly)
  const append = [
    ...[...commandLine, ...iommu.commandLine],
    ...['quiet', 'loglevel=3', 'mitigations=off'],
    // A busy host gives the guest too little time for these checks of its clocks.
    ...['nowatchdog', 'rcupdate.rcu_cpu_stall_suppress=1'],
    // What a broken kernel says later is worth nothing: end the machine at once.
    ...['oops=panic', 'panic=-1'],
  ].join(' ')
  return [
    ...[...machine, ...iommu.machine, '-m', '2G'],
    ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', iommu.realMode ? bzImage : image, '-initrd', initrd, '-append', append],
    ...['-object', 'memory-backend-ram,id=shared,size=1M,share=on'],
    ...['-blockdev', `driver=file,node-name=disk,filename=${join(runFolder, diskFile).replaceAll(',', ',,')}`],
    ...[...(iommu.instead ?? own), ...(iommu.devices ?? []), ...devices].flatMap((it) => ['-device', it]),
    ...share('host', root, true),
    ...share('packages', packages, true),
    ...share('overlay', overlay, true),
    ...(compiled === null ? [] : [...share('checkout', checkout, true), ...share('compiled', compiled, true)]),
    ...share('run', runFolder, false),
    ...['-device', `virtio-serial-${transport}`],
    ...port('stdout', 3),
    ...port('stderr', 4),
    ...port('status', 5),
  ]
}

/** @param {'pci' | 'ccw'} transport @param {string} tag @param {string} path @param {boolean} readOnly */
function sharedFolder(transport, tag, path, readOnly) {
  const mode = readOnly ? ',readonly=on' : ''
  const folder = path.replaceAll(',', ',,')
  return [
    ...['-fsdev', `local,id=${tag},path=${folder},security_model=none,multidevs=remap${mode}`],
    ...['-device', `virtio-9p-${transport},fsdev=${tag},mount_tag=${tag}`],
  ]
}

/** A serial port of the guest that is one of our descriptors. @param {string} name @param {number} fd */
function port(name, fd) {
  return [
    '-chardev',
    `socket,id=${name},fd=${fd}`,
    '-device',
    `virtserialport,chardev=${name},name=${name},nr=${fd - 2}`,
  ]
}

/**
 * @param {string} program
 * @param {string[]} args
 * @param {number} timeout
 * @param {{ showConsole: boolean, log: Log }} saying
 * @returns {Promise<Omit<Result, 'outputs'>>}
 */
async function boot(program, args, timeout, { showConsole, log }) {
  // setpriv: the machine ends with this process, however this process ends.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'],
  })
  const [, consoleOut, qemuErrors, stdout, stderr, statusPort] = qemu.stdio
  stdout.on('data', log.out)
  stderr.on('data', log.err)
  let consoleText = ''
  for (const stream of [consoleOut, qemuErrors]) {
    stream.setEncoding('utf8').on('data', (text) => {
      consoleText += text
      if (showConsole) log.err(text)
    })
  }
  let statusText = ''
  statusPort.setEncoding('utf8').on('data', (text) => {
    statusText += text
    if (statusText.endsWith('\n')) qemu.kill('SIGKILL')
  })
  let timedOut = false
  const deadline = setTimeout(() => {
    timedOut = true
    qemu.kill('SIGKILL')
  }, timeout * 1000)
  try {
    await new Promise((resolve, reject) => qemu.on('error', reject).on('close', resolve))
  } finally {
    clearTimeout(deadline)
  }
  const status = statusText.endsWith('\n') ? Number(statusText) : undefined
  return { status, timedOut: timedOut && status === undefined, console: consoleText }
}

/** @param {string} folder @param {string[]} names */
async function collect(folder, names) {
  const found = new Map()
  for (const name of names) {
    const content = await readFile(join(folder, name)).catch((error) => {
      if (error.code !== 'ENOENT') throw error
    })
    if (content !== undefined) found.set(name, content)
  }
  return found
}
