import { nameFault } from '../../base/units.ts'
import { programPath } from '../../host/program-path.ts'
import { readOrEmpty } from '../../host/sysfs/readable.ts'
import type { HostFiles } from '../../kernel/kernel.ts'
import { pathOf } from '../files/durable-files.ts'
import { ruleFile } from './early-files.ts'
import type { EarlyDevice } from './early-rule.ts'
import { type Image, type Initramfs, initramfsMark, madeBy, modulesOf } from './initramfs.ts'

/**
 * Arch's, from version 36 on, which reads drop-ins; null if it is not there. Only the first image of the kernel's
 * preset is made anew: a fallback stays as it was, for a boot without.
 */
export function mkinitcpio(files: HostFiles, release: string, unmovable: Image | null): Initramfs | null {
  const program = programPath(files, 'mkinitcpio')
  if (program === null) return null
  const preset = presetOf(files, release)
  const options = 'options' in preset ? preset.options : []
  return {
    tool: 'mkinitcpio',
    file: { folder: '/etc/mkinitcpio.conf.d', name: 'vfioctl-early.conf' },
    content: dropIn,
    remakeAll: 'mkinitcpio -P',
    // without -c, as it leaves drop-ins out
    ...madeBy(files, unmovable ?? preset, 'lsinitcpio', (path) => {
      return { path: program, arguments: ['-k', release, '-g', path, ...options] }
    }),
  }
}

/** A module that is built into the kernel is no fault. */
function dropIn(devices: readonly EarlyDevice[]): string {
  const modules = modulesOf(devices)
  const names = modules.map((module) => `'${module}?'`).join(' ')
  return `${initramfsMark}
FILES+=('${pathOf(ruleFile)}')
${modules.length === 0 ? '' : `MODULES+=(${names})\n`}`
}

/** An image, and the further words that make it. */
type Preset = { readonly whyNone: string } | { readonly path: string; readonly options: readonly string[] }

/**
 * The first image of the preset that the running kernel's package has, as far as its lines say plainly what is meant.
 */
function presetOf(files: HostFiles, release: string): Preset {
  const kernel = readOrEmpty(files, `/usr/lib/modules/${release}/pkgbase`).trim()
  if (kernel === '' || nameFault(kernel) !== null) {
    return { whyNone: `/usr/lib/modules/${release}/pkgbase does not say which preset is this kernel's` }
  }
  const path = `/etc/mkinitcpio.d/${kernel}.preset`
  const lines = readOrEmpty(files, path)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  const values = new Map(
    lines.flatMap((line) => {
      const [, name, , value] = /^(\w{1,100})=(["']?)([^"'$`\\]*)\2$/.exec(line) ?? []
      return name === undefined || value === undefined ? [] : [[name, value] as const]
    }),
  )
  const [, first] = /^PRESETS=\(\s*["']?(\w{1,100})/m.exec(lines.join('\n')) ?? []
  const isPlain = lines.every((line) => line.startsWith('PRESETS=(') || values.has(line.split('=', 1)[0] ?? ''))
  if (first === undefined || !isPlain) return { whyNone: `${path} does not say plainly which image is this kernel's` }
  const of = (name: string) => values.get(`${first}_${name}`) ?? values.get(`ALL_${name}`) ?? ''
  if (of('config') !== '')
    return { whyNone: `${path} names a configuration of its own, and then drop-ins are left out` }
  if (of('uki') !== '' || of('efi_image') !== '') return { whyNone: `by ${path} it is part of a unified kernel image` }
  const [image, options] = [of('image'), of('options')]
  if (!/^(?:\/[\w.+~-]+)+$/.test(image) || files.kind(image) === null)
    return { whyNone: `the image that ${path} names is not there` }
  return { path: image, options: options.split(' ').filter((word) => word !== '') }
}
