// Runs with slow-reset.c preloaded, and prints what each reset of the FIFO named on the command line did.

import { once } from 'node:events'
import { closeSync, openSync, readdirSync, readlinkSync, writeSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads'
import { load } from './load.mjs'

const reset = 0x3b6f
const hotReset = 0x3b71

function openCount(path) {
  const fds = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`)
    } catch {
      return ''
    }
  })
  return fds.filter((target) => target === path).length
}

async function main(path, fifo) {
  const ioctlAsync = promisify(load(path).ioctlAsync)
  const answers = {}
  const writer = openSync(fifo, 'r+')

  // Would never end if the event loop waited for it.
  const device = openSync(fifo, 'r+')
  const done = ioctlAsync(device, reset, undefined)
  closeSync(device)
  const taken = openSync('/dev/null', 'r')
  answers.sameNumber = taken === device
  await new Promise(setImmediate)
  writeSync(writer, Uint8Array.of(7))
  answers.result = await done
  answers.stillOpen = openCount(fifo) - 1

  const refused = ioctlAsync(writer, reset, undefined)
  writeSync(writer, Uint8Array.of(0xff))
  answers.refused = await refused.catch(({ code, errno, syscall }) => ({ code, errno, syscall }))

  const struct = Uint32Array.of(12, 0, 3)
  const hot = ioctlAsync(writer, hotReset, new Uint8Array(struct.buffer))
  struct[2] = 9
  answers.hotReset = await hot
  answers.bytesAfter = [...struct]

  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { path, fifo } })
  await once(worker, 'message')
  const ended = worker.terminate()
  writeSync(writer, Uint8Array.of(1))
  await ended
  answers.leftByWorker = openCount(fifo) - 1
  process.stdout.write(JSON.stringify(answers))
}

if (isMainThread) {
  await main(process.argv[2], process.argv[3])
} else {
  load(workerData.path).ioctlAsync(openSync(workerData.fifo, 'r+'), reset, undefined, () => {})
  parentPort.postMessage('under way')
  setInterval(() => {}, 1000)
}
