// Boots the virtual machine, runs one command in it, and ends it.
import { spawn } from 'node:child_process'
import { copyFile, mkdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cacheFolder, privateFolder } from './cache.mjs'
import { defaultDevices } from './devices.mjs'
import { live } from './lanes.mjs'
import { prepare } from './prepare.mjs'

/** @typedef {import('./lanes.mjs').Log} Log */

/** What is behind the guest's one disk: zeros, a new one each time. */
const diskFile = 'disk'
const diskSize = 256 * 1024 * 1024

/** Where the command leaves files for its caller. */
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
 * @param {boolean} [options.iommu] true unless told; without one, VFIO's noiommu mode is allowed
 * @param {boolean} [options.systemd] boots multi-user.target; else nothing but the command runs
 * @param {Buffer} [options.etc] a tar archive, unpacked at / before systemd looks for its units
 * @param {number} options.timeout seconds from power-on
 * @param {Record<string, string>} [options.env]
 * @param {string[]} [options.outputs] names of files to bring back
 * @param {boolean} [options.showConsole] as it comes, on stderr
 * @param {Log} [options.log] hears what the command says, in place of this process's stdout and stderr
 * @returns {Promise<Result>}
 */
export async function runInGuest(options) {
  const { command, cwd = process.cwd(), kernel, devices = [], iommu = true, timeout, env = {}, outputs = [] } = options
  const prepared = await prepare(kernel)
  const runFolder = await privateFolder(cacheFolder)
  try {
    await mkdir(join(runFolder, 'out'))
    await writeFile(join(runFolder, diskFile), '')
    await truncate(join(runFolder, diskFile), diskSize)
    await copyFirstProcess(runFolder, options.systemd ?? false)
    if (options.etc) await writeFile(join(runFolder, 'etc.tar'), options.etc)
    await writeFile(join(runFolder, 'command.sh'), commandScript(command, cwd, env))
    const result = await boot(machine(prepared, runFolder, devices, iommu), timeout, {
      showConsole: options.showConsole ?? false,
      log: options.log ?? live,
    })
    return { ...result, outputs: await collect(join(runFolder, 'out'), outputs) }
  } finally {
    await rm(runFolder, { recursive: true, force: true })
  }
}

/**
 * init.sh goes on with guest.sh.
 * @param {string} runFolder
 * @param {boolean} systemd
 */
async function copyFirstProcess(runFolder, systemd) {
  const names = systemd ? { 'systemd.sh': 'guest.sh', 'guest.sh': 'service.sh' } : { 'guest.sh': 'guest.sh' }
  for (const [from, to] of Object.entries(names)) {
    await copyFile(join(import.meta.dirname, from), join(runFolder, to))
  }
}

/** @param {string[]} command @param {string} cwd @param {Record<string, string>} env */
function commandScript(command, cwd, env) {
  const variables = {
    PATH: process.env.PATH ?? '/usr/bin:/bin',
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
 * @param {boolean} iommu
 */
function machine({ image, initrd, packages, overlay }, runFolder, devices, iommu) {
  const append = [
    ...['console=ttyS0', 'quiet', 'loglevel=3', 'mitigations=off'],
    iommu ? 'intel_iommu=on' : 'vfio.enable_unsafe_noiommu_mode=1',
    // A busy host gives the guest too little time for these checks of its clocks.
    ...['no_timer_check', 'nowatchdog', 'rcupdate.rcu_cpu_stall_suppress=1', 'tsc=reliable', 'clocksource=tsc'],
    // What a broken kernel says later is worth nothing: end the machine at once.
    ...['oops=panic', 'panic=-1'],
  ].join(' ')
  return [
    // One processor. With two, Debian 12's QEMU can lose what one writes to its local APIC while the other changes a BAR
    // or resets a bus: without its end of interrupt it hears of no timer again, and the guest sleeps for ever.
    ...['-M', 'q35,kernel-irqchip=split', '-accel', 'tcg', '-cpu', 'max', '-smp', '1', '-m', '2G'],
    ...['-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot'],
    ...['-kernel', image, '-initrd', initrd, '-append', append],
    ...(iommu ? ['-device', 'intel-iommu,intremap=on,caching-mode=on'] : []),
    ...['-object', 'memory-backend-ram,id=shared,size=1M,share=on'],
    ...['-blockdev', `driver=file,node-name=disk,filename=${join(runFolder, diskFile).replaceAll(',', ',,')}`],
    ...[...defaultDevices, ...devices].flatMap((it) => ['-device', it]),
    ...share('host', '/', true),
    ...share('packages', packages, true),
    ...share('overlay', overlay, true),
    ...share('run', runFolder, false),
    ...['-device', 'virtio-serial-pci'],
    ...port('stdout', 3),
    ...port('stderr', 4),
    ...port('status', 5),
  ]
}

/** @param {string} tag @param {string} path @param {boolean} readOnly */
function share(tag, path, readOnly) {
  const mode = readOnly ? ',readonly=on' : ''
  const folder = path.replaceAll(',', ',,')
  return ['-virtfs', `local,path=${folder},mount_tag=${tag},security_model=none,multidevs=remap${mode}`]
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
 * @param {string[]} args
 * @param {number} timeout
 * @param {{ showConsole: boolean, log: Log }} saying
 * @returns {Promise<Omit<Result, 'outputs'>>}
 */
async function boot(args, timeout, { showConsole, log }) {
  // setpriv: the machine ends with this process, however this process ends.
  const qemu = spawn('setpriv', ['--pdeathsig', 'KILL', 'qemu-system-x86_64', ...args], {
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
