// A Worker that is ended while it holds 20 eventfds, of which it watches half.
import { parentPort, workerData } from 'node:worker_threads'
import { load } from './load.mjs'

const addon = load(workerData.addon)
const fds = Array.from({ length: 20 }, () => addon.eventfd(0))
const watches = fds.slice(10).map((fd) => new addon.Watch(fd, () => {}))
parentPort.postMessage(watches.length)
