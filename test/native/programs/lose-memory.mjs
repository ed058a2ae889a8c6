// A Worker that loses its memory and gets it back, over and over, and tells how often both were seen as they should.
import { ftruncateSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { load, readWrite } from './load.mjs'

const addon = load(workerData.addon)
const memory = new addon.Mapping(4096, readWrite, 'memfd')
let lost = 0
let back = 0
for (let round = 0; round < workerData.rounds; round++) {
  ftruncateSync(memory.fd, 0)
  try {
    memory.read32(0)
  } catch (error) {
    if (error.code === 'EFAULT') lost++
  }
  ftruncateSync(memory.fd, 4096)
  memory.write32(0, round)
  if (memory.read32(0) === round) back++
}
memory.close()
parentPort.postMessage({ lost, back })
