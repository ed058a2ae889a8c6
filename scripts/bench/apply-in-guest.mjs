// In the virtual machine, on the real mtty: `node apply-in-guest.mjs RESULTS` writes them as JSON.
import { randomUUID } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { measure } from './measure.mjs'

const [, , results] = process.argv
const program = join(import.meta.dirname, '../../dist/bin/vfioctl.cjs')
const spec = '/run/mtty.json'
const uuids = Array.from({ length: 24 }, () => randomUUID())
const type = 'mtty-1'

const devices = uuids.map((uuid) => ({ uuid, type }))
writeFileSync(spec, JSON.stringify({ version: 1, parents: [{ parent: 'mtty', devices }] }))
const start = uuids.map((uuid) => `mdevctl start -u ${uuid} -p mtty -t ${type}`)
const define = uuids.map((uuid) => `mdevctl define -u ${uuid} -p mtty -t ${type} --auto`)
const times = measure(
  {
    'vfioctl apply: define and start': [process.execPath, program, 'apply', spec],
    'mdevctl start, 24 times': inShell(start),
    'mdevctl define and start, 24 times': inShell([...define, ...start]),
  },
  3,
  clear,
)
writeFileSync(results, JSON.stringify(times))

function inShell(commands) {
  return ['sh', '-ec', commands.join('\n')]
}

/** Sees that all devices were there, and takes them away. */
function clear(name) {
  const active = readdirSync('/sys/bus/mdev/devices')
  if (active.length !== uuids.length) throw new Error(`${name} made ${active.length} devices`)
  for (const uuid of active) writeFileSync(`/sys/bus/mdev/devices/${uuid}/remove`, '1')
  rmSync('/etc/mdevctl.d/mtty', { recursive: true, force: true })
}
