// A Worker that holds a memfd and a view of it until it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { load, readWrite } from './load.mjs'

const memory = new (load(workerData.addon).Mapping)(4096, readWrite, 'memfd')
const view = memory.view()
parentPort.on('message', () => view.fill(1))
parentPort.postMessage(memory.fd)
