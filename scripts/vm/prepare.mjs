// Brings a kernel, its first file system and the guest's packages into the cache, once.
import { existsSync } from 'node:fs'
import { chmod, copyFile, cp, mkdir, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { architectures } from './architectures.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { ensureInstalled, run, Unavailable } from './debian.mjs'
import { foreignCheckout, foreignRoot } from './foreign-guest.mjs'
import { guestPackages } from './guest-packages.mjs'
import { defaultKernels, kernelName, kernels } from './kernels.mjs'

const tools = ['busybox-static', 'cpio', 'kmod', 'pciutils']

// Modules that /init loads, in this order: first its own file systems and console ports, then VFIO.
const bootModules = ['9p', '9pnet_virtio', 'virtio_console', 'overlay']
/** Channel I/O is no module's. */
const transportModules = { pci: ['virtio_pci'], ccw: [] }
const vfioModules = ['vfio', 'vfio_iommu_type1', 'vfio-pci', 'mdev']

/**
 * @typedef {object} Prepared
 * @property {import('./architectures.mjs').ArchitectureName} arch
 * @property {string} image
 * @property {string} bzImage the same with the code of real mode before it; not there of every kernel
 * @property {string} initrd
 * @property {string} root the guest's root folder
 * @property {string} packages files laid over those of the root: Debian's packages
 * @property {string} overlay files laid over those: kernel modules
 * @property {string | null} compiled files laid over the checkout's, which is no part of a root that is not this machine's
 */

/** @param {string} name @param {import('./kernels.mjs').Recipe} recipe */
function preparedFolder(name, recipe) {
  return join(cacheFolder, name, hashedName(['prepare.mjs', 'init.sh', ...recipe.files], recipe.names))
}

/**
 * The C headers of the newest kernel that is prepared here and has them.
 * @returns {string | undefined}
 */
export function newestHeaders() {
  const ownKernels = Object.entries(kernels).filter(([, { arch }]) => arch === process.arch)
  const folders = ownKernels.map(([name, recipe]) => join(preparedFolder(name, recipe), 'include'))
  return folders.find((folder) => existsSync(folder))
}

/**
 * @param {string} name
 * @returns {Promise<Prepared>}
 */
export async function prepare(name = defaultKernels.x64) {
  const recipe = kernels[name]
  if (!recipe) throw new Error(`no kernel ${name}; there are ${Object.keys(kernels).join(', ')}`)
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    throw new Unavailable(`the virtual machine runs on Linux x64, not ${process.platform} ${process.arch}`)
  }
  const { arch } = recipe
  const folder = preparedFolder(name, recipe)
  await ensureTools(arch, existsSync(folder) ? [] : recipe.tools)
  const files = await guestFiles(arch)
  await cached(folder, (work) => {
    console.error(`preparing kernel ${name} in ${folder}`)
    return assemble(recipe, files.root, work)
  })
  return {
    arch,
    image: join(folder, 'kernel'),
    bzImage: join(folder, 'bzImage'),
    initrd: join(folder, 'initrd'),
    overlay: join(folder, 'overlay'),
    ...files,
  }
}

/**
 * This machine's own files serve a guest with the same processor.
 * @param {import('./architectures.mjs').ArchitectureName} arch
 * @returns {Promise<Pick<Prepared, 'root' | 'packages' | 'compiled'>>}
 */
async function guestFiles(arch) {
  if (arch === 'x64') return { root: '/', packages: await guestPackages(), compiled: null }
  const root = await foreignRoot(arch)
  return { root, packages: root, compiled: await foreignCheckout(arch) }
}

/** @param {import('./architectures.mjs').ArchitectureName} arch @param {string[]} more */
async function ensureTools(arch, more) {
  const { qemu, tool } = architectures[arch]
  const needed = [tool, ...tools, ...more]
  const commands = [qemu, 'busybox', 'modprobe', 'lspci'].map((it) =>
    ['/usr/bin', '/bin', '/sbin'].map((at) => join(at, it)),
  )
  if (more.length === 0 && commands.every((places) => places.some((it) => existsSync(it)))) return
  await ensureInstalled(needed)
}

/**
 * @param {import('./kernels.mjs').Recipe} recipe
 * @param {string} root the guest's
 * @param {string} work
 */
async function assemble(recipe, root, work) {
  const done = join(work, 'done')
  const overlay = join(done, 'overlay')
  const kernel = await recipe.fetch(join(work, 'kernel'))
  const loaded = loadedModules(recipe.arch, kernel)
  await copyModules(kernel, [...loaded, ...recipe.drivers], join(overlay, 'usr'))
  await copyFile(kernel.image, join(done, 'kernel'))
  if (kernel.bzImage) await copyFile(kernel.bzImage, join(done, 'bzImage'))
  if (kernel.headers) await cp(kernel.headers, join(done, 'include'), { recursive: true })
  const busybox = ['bin/busybox', 'usr/bin/busybox'].map((it) => join(root, it)).find((it) => existsSync(it))
  if (busybox === undefined) throw new Error(`no busybox in ${root}`)
  await buildInitrd(kernel, loaded, busybox, join(work, 'initrd'), join(done, 'initrd'))
  return done
}

/**
 * The files to load for these modules, what each depends on first.
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {string[]} names
 */
async function moduleFiles({ root, release }, names) {
  const files = new Set()
  for (const name of names) {
    const lines = await run('modprobe', ['-d', root, '-S', release, '--show-depends', name])
    for (const [, file] of lines.matchAll(/^insmod (\S+)/gm)) files.add(file)
  }
  return [...files]
}

/**
 * Less what is built beside the samples.
 * @param {import('./architectures.mjs').ArchitectureName} arch
 * @param {import('./kernels.mjs').Kernel} kernel
 */
function loadedModules(arch, { samples }) {
  const built = samples.map((it) => basename(it, '.ko'))
  const all = [...bootModules, ...transportModules[architectures[arch].transport], ...vfioModules]
  return all.filter((it) => !built.includes(it))
}

/**
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {string[]} modules there for modprobe; those that are not loaded too
 * @param {string} usr
 */
async function copyModules(kernel, modules, usr) {
  const from = join(kernel.root, 'lib/modules', kernel.release)
  const to = join(usr, 'lib/modules', kernel.release)
  const files = await moduleFiles(kernel, modules)
  for (const file of files) await copyInto(file, file.replace(from, to))
  for (const file of kernel.samples) await copyInto(file, join(to, 'extra', basename(file)))
  for (const list of ['modules.order', 'modules.builtin', 'modules.builtin.modinfo']) {
    await copyInto(join(from, list), join(to, list))
  }
  await run('depmod', ['-b', usr, kernel.release])
}

/**
 * Not compressed: the emulated processor would take longer to unpack it than QEMU takes to load it.
 * @param {import('./kernels.mjs').Kernel} kernel
 * @param {string[]} modules to load
 * @param {string} busybox the guest's
 * @param {string} work
 * @param {string} initrd
 */
async function buildInitrd(kernel, modules, busybox, work, initrd) {
  for (const folder of ['bin', 'modules', 'dev', 'proc', 'sys', 'host', 'packages', 'overlay', 'scratch', 'root']) {
    await mkdir(join(work, folder), { recursive: true })
  }
  const files = [...(await moduleFiles(kernel, modules)), ...kernel.samples]
  const names = []
  for (const file of files) {
    const name = basename(file).replace(/\.xz$/, '')
    if (file.endsWith('.xz')) await run('sh', ['-c', 'xz -dc "$0" >"$1"', file, join(work, 'modules', name)])
    else await copyFile(file, join(work, 'modules', name))
    names.push(name)
  }
  await writeFile(join(work, 'modules/order'), `${names.join('\n')}\n`)
  await copyFile(busybox, join(work, 'bin/busybox'))
  await copyFile(join(import.meta.dirname, 'init.sh'), join(work, 'init'))
  await chmod(join(work, 'init'), 0o755)
  await run('sh', ['-c', 'find . | cpio --quiet -o -H newc -R 0:0 >"$0"', initrd], { cwd: work })
}

/** @param {string} from @param {string} to */
async function copyInto(from, to) {
  await mkdir(dirname(to), { recursive: true })
  await copyFile(from, to)
}

if (process.argv[1] === import.meta.filename) {
  const { values } = parseArgs({ options: { arch: { type: 'string', default: 'x64' }, kernel: { type: 'string' } } })
  try {
    const name = kernelName(values.arch, values.kernel)
    const { image } = await prepare(name)
    console.log(`kernel ${name} is ready in ${dirname(image)}`)
  } catch (error) {
    console.error(`vm: ${error.message}`)
    process.exitCode = 1
  }
}
