// npm start: sets up what is missing, then shows a mediated device's whole life on a simulated host.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setup } from './setup.mjs'

const program = join(dirname(import.meta.dirname), 'dist/bin/vfioctl.cjs')
const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

const commandLines = [
  ['types'],
  ['define', '-u', uuid, '-p', 'mtty', '-t', 'mtty-2'],
  ['start', uuid],
  ['list'],
  ['inspect', uuid],
  ['dump', uuid, 'config', '--length', '64'],
  ['write', uuid, 'bar0', '0', '--fifo', '--text', 'hello from vfio'],
  ['read', uuid, 'bar0', '0', '-n', '15', '--fifo', '--text'],
  ['stop', uuid],
  ['undefine', uuid],
]

await setup()

const state = mkdtempSync(join(tmpdir(), 'vfioctl-start-'))
try {
  console.log(
    '\nA mediated device, from start to stop, on a simulated host (--mock; nothing of this machine is touched):',
  )
  for (const args of commandLines) show(['--mock', ...args])
  console.log('\nnpx vfioctl --help shows the rest; without --mock it works on this machine.')
} finally {
  rmSync(state, { recursive: true, force: true })
}

/** @param {string[]} args */
function show(args) {
  const shown = args.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word}'`)).join(' ')
  console.log(`\n$ npx vfioctl ${shown}`)
  const { status, error } = spawnSync(process.execPath, [program, ...args], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, XDG_STATE_HOME: state },
  })
  if (error) throw error
  if (status !== 0) throw new Error(`vfioctl ${shown} ended with ${status}`)
}
