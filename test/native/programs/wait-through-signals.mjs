// Waits for an empty eventfd for 200 ms, less than it waits at most, while another process sends signals that this one handles.
import { spawn } from 'node:child_process'
import { load } from './load.mjs'

const addon = load(process.argv[2])
process.on('SIGUSR2', () => {})
const sender = spawn('sh', ['-c', `for i in 1 2 3 4 5 6 7 8 9 10; do kill -USR2 ${process.pid}; sleep 0.02; done`])
const before = performance.now()
const result = addon.waitForEventfd(Int32Array.of(addon.eventfd(0)), 0, 200, new Float64Array(1))
const waited = performance.now() - before
sender.kill()
process.stdout.write(result === -1 && waited >= 199 ? 'waited' : `${result} after ${waited} ms`)
