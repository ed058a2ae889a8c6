// A driver of VFIO for one kind of device, built for a kernel of Debian's that is prepared: no device of QEMU's has one.
import { copyFile, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { machineArchive, unpack } from './archive.mjs'
import { cached, cacheFolder, hashedName } from './cache.mjs'
import { ensureInstalled, run } from './debian.mjs'

const [source, module] = ['edu_vfio_pci.c', 'edu_vfio_pci.ko']

/**
 * The module's file; null for a kernel whose headers the machine's own sources do not have. Throws Unavailable.
 * @param {import('./prepare.mjs').Prepared} prepared
 * @returns {Promise<string | null>}
 */
export async function variantDriver({ arch, overlay }) {
  const [release = ''] = await readdir(join(overlay, 'usr/lib/modules'))
  const [, abi] = /^(6\.1\.0-\d+)-amd64$/.exec(release) ?? []
  if (arch !== 'x64' || abi === undefined) return null
  const folder = join(cacheFolder, 'variant-driver', hashedName(['variant-driver.mjs', source], { release }))
  await cached(folder, async (work) => {
    console.error(`building a driver of VFIO for edu in ${folder}`)
    await ensureInstalled(['gcc-12', 'make', 'libelf1'])
    const headers = [`linux-headers-${release}`, `linux-headers-${abi}-common`, 'linux-kbuild-6.1']
    await unpack(machineArchive, headers, work)
    return buildModule(work, join(work, 'usr/src', `linux-headers-${release}`))
  })
  return join(folder, module)
}

/**
 * The headers' Makefile names its other half by the path it is installed at; this one is not installed.
 * @param {string} work
 * @param {string} headers
 */
async function buildModule(work, headers) {
  const makefile = join(headers, 'Makefile')
  await writeFile(makefile, (await readFile(makefile, 'utf8')).replace('/usr/src/', join(work, 'usr/src/')))
  const [build, done] = ['build', 'done'].map((name) => join(work, name))
  for (const folder of [build, done]) await mkdir(folder)
  await copyFile(join(import.meta.dirname, source), join(build, source))
  await writeFile(join(build, 'Makefile'), `obj-m := ${source.replace(/c$/, 'o')}\n`)
  await run('make', ['-C', headers, `M=${build}`, 'modules'])
  await copyFile(join(build, module), join(done, module))
  return done
}
