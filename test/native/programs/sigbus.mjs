// Ends itself with SIGBUS in the way the second argument names, after the addon has set its handler.
import { ftruncateSync } from 'node:fs'
import { load, readWrite } from './load.mjs'

const addon = load(process.argv[2])
const memory = new addon.Mapping(4096, readWrite, 'memfd')
const view = memory.view()
ftruncateSync(memory.fd, 0)

if (process.argv[3] === 'view') view[0]
if (process.argv[3] === 'kill') process.kill(process.pid, 'SIGBUS')
setTimeout(() => process.stdout.write('still here'), 1000)
