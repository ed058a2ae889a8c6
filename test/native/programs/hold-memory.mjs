// A Worker that holds a memfd and a view of it until it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { load } from './load.mjs'

const memory = load(workerData.addon).allocateMemory(4096, 'memfd')
const view = memory.view()
parentPort.on('message', () => view.fill(1))
parentPort.postMessage(memory.fd)
