import { posix } from 'node:path'
import type { HostFiles } from '../../kernel/kernel.ts'
import { readKept } from '../files/durable-files.ts'

const name = '60-mdevctl.rules'
/** As udev goes through them: the first that has a file of a name is the one that counts. */
const folders = [
  '/etc/udev/rules.d',
  '/run/udev/rules.d',
  '/usr/local/lib/udev/rules.d',
  '/usr/lib/udev/rules.d',
  '/lib/udev/rules.d',
]

const maxLinks = 8

/** Notes on mdevctl's own udev rule, which starts the same definitions; none if it has no rule. */
export function mdevctlRule(files: HostFiles): string[] {
  for (const folder of folders) {
    const path = `${folder}/${name}`
    const text = readKept(files, path, (content) => content)
    if (text === null) continue
    const program = calledProgram(text)
    if (program === undefined) return []
    if (files.kind(program) === null) {
      return [`mdevctl’s own ${path} starts nothing: it calls ${program}, which is not there`]
    }
    if (isLinkToUs(files, program)) {
      return [
        `${path} runs ${program}, which is vfioctl: under systemd it starts nothing, as udev forbids what it runs to make ` +
          'code, as Node does without --jitless in NODE_OPTIONS; vfioctl’s own rule starts the same devices by a unit',
      ]
    }
    return [
      `mdevctl’s own ${path} starts the same devices: harmless, as whoever comes second finds them there`,
      `to leave them to vfioctl: ln -s /dev/null ${folders[0]}/${name} && udevadm control --reload`,
    ]
  }
  return []
}

/** '/usr/sbin/mdevctl', of `RUN+="/usr/sbin/mdevctl start-parent-mdevs %k"`. */
function calledProgram(rule: string): string | undefined {
  const [before, after] = rule.split(' start-parent-mdevs', 2)
  const word = after === undefined ? undefined : before?.split(/\s/).at(-1)
  return word?.endsWith('/mdevctl') === true ? word.slice(word.indexOf('/')) : undefined
}

/** True if a path leads to this program, link by link. */
function isLinkToUs(files: HostFiles, program: string): boolean {
  let path = program
  for (let links = 0; links < maxLinks && files.kind(path) === 'symlink'; links++) {
    path = posix.resolve(posix.dirname(path), files.readlink(path))
    if (/^vfioctl(?:\.cjs)?$/.test(posix.basename(path))) return true
  }
  return false
}
