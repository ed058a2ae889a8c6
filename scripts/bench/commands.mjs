// Start-up and long listings, side by side with a bare Node and with the real mdevctl.
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { makeExecutable, nodeOf } from '../single/executable.mjs'
import { Unavailable } from '../vm/debian.mjs'
import { makeFakeHost } from './fake-host.mjs'
import { installMdevctl, mdevctlIn } from './mdevctl.mjs'
import { measure, showTimes } from './measure.mjs'

const program = join(import.meta.dirname, '../../dist/bin/vfioctl.cjs')
const few = 16
const many = 8192

/**
 * @param {string} scratch
 * @param {string[]} nodes paths of the Nodes to measure
 */
export async function benchCommands(scratch, nodes) {
  const fewRoot = join(scratch, 'few')
  const manyRoot = join(scratch, 'many')
  makeFakeHost(fewRoot, few)
  makeFakeHost(manyRoot, many)
  const withMdevctl = await hasMdevctl([fewRoot, manyRoot])
  await singleStartUp(scratch, nodes[0], fewRoot)
  for (const node of nodes) {
    console.log(`\nNode ${execFileSync(node, ['--version'], { encoding: 'utf8' }).trim()}`)
    startUp(node, fewRoot, withMdevctl)
    longList(node, manyRoot, withMdevctl)
    allTypes(node, manyRoot, withMdevctl)
  }
}

/** @param {string[]} roots */
async function hasMdevctl(roots) {
  try {
    for (const root of roots) await installMdevctl(root)
    return true
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.log(`skipped: comparison with the real mdevctl: ${error.message}`)
    return false
  }
}

function startUp(node, root, withMdevctl) {
  console.log(`  start-up: \`list --json\` with ${few} devices, against a bare \`node -e 0\``)
  const bare = 'node -e 0'
  const ours = `vfioctl list --json, ${few} devices`
  const times = measure(
    {
      [bare]: [node, '-e', '0'],
      [ours]: [node, program, 'list', '--json', '--root', root],
      ...(withMdevctl ? { [`mdevctl list, ${few} devices`]: mdevctlIn(root, 'list', '--dumpjson') } : {}),
    },
    31,
  )
  showTimes(times, bare)
}

/** The executable that has Node inside, against the same Node and against what npm installs. */
async function singleStartUp(scratch, node, root) {
  const single = join(scratch, 'vfioctl')
  let own
  try {
    await makeExecutable(process.arch, single)
    own = await nodeOf(process.arch)
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error
    console.log(`skipped: the single executable: ${error.message}`)
    return
  }
  const list = ['list', '--json', '--root', root]
  const programs = {
    'node -e 0, of the executable': [own, '-e', '0'],
    'vfioctl, the executable': [single, ...list],
    'vfioctl, as npm installs it': [node, program, ...list],
  }
  for (const [file] of Object.values(programs)) letGo(file)
  console.log(`\n  start-up of the single executable: \`list --json\` with ${few} devices`)
  const times = measure(programs, 31)
  for (const base of ['node -e 0, of the executable', 'vfioctl, as npm installs it']) showTimes(times, base)
  for (const [name, [file, ...args]] of Object.entries(programs)) {
    console.log(`    ${name.padEnd(36)} ${(peakMemory(file, args) / 1024).toFixed(1).padStart(7)} MiB at most`)
  }
}

/** A file that was just written is mapped in larger pieces than one that was read, and starts faster: those are let go. */
function letGo(file) {
  execFileSync('sync', [file])
  execFileSync('dd', [`if=${file}`, 'iflag=nocache', 'count=0', 'status=none'])
}

/** VmHWM in KiB. */
function peakMemory(file, args) {
  const code =
    'import os,subprocess,sys;p=subprocess.Popen(sys.argv[1:],stdout=subprocess.DEVNULL);print(os.wait4(p.pid,0)[2].ru_maxrss)'
  return Number(execFileSync('python3', ['-c', code, file, ...args], { encoding: 'utf8' }))
}

function longList(node, root, withMdevctl) {
  console.log(`  ${many} devices, all running and all defined; mdevctl lists the two apart`)
  const ours = `vfioctl list --json, ${many} devices`
  const times = measure(
    {
      [ours]: [node, program, 'list', '--json', '--root', root],
      ...(withMdevctl
        ? {
            'mdevctl list --dumpjson': mdevctlIn(root, 'list', '--dumpjson'),
            'mdevctl list -d --dumpjson': mdevctlIn(root, 'list', '-d', '--dumpjson'),
          }
        : {}),
    },
    9,
  )
  const { [ours]: mine, ...theirs } = times
  const both = mine.map((_, round) => Object.values(theirs).reduce((sum, values) => sum + values[round], 0))
  showTimes(withMdevctl ? { ...times, 'mdevctl, both': both } : times, withMdevctl ? 'mdevctl, both' : ours)
}

function allTypes(node, root, withMdevctl) {
  console.log(`  what their parents offer`)
  const ours = `vfioctl types --json, ${many} devices`
  const theirs = 'mdevctl types --dumpjson'
  const times = measure(
    {
      [ours]: [node, program, 'types', '--json', '--root', root],
      ...(withMdevctl ? { [theirs]: mdevctlIn(root, 'types', '--dumpjson') } : {}),
    },
    9,
  )
  showTimes(times, withMdevctl ? theirs : ours)
}
